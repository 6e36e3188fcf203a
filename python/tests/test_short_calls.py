"""What makes calls short changes nothing else: settings looked through once, columns in one piece of memory, names bound by hand."""

import inspect
import threading
import time

import numpy as np
import pytest

import lumicrop
from test_dropin import assert_same, columns_of, crops_of, namespace
from test_native import OUTPUTS, job

integrate_crop = lumicrop.integrate_crop
N = 6


def work():
    """What the Python of any machine can do: about as much as a short call, and on a slow machine as slow."""
    return sorted(map(str, range(200)))


def times_of_work(call, attempts=400):
    """The best time of `call` over the best of `work`, which takes turns with it."""
    taken = {call: [], work: []}
    for _ in range(attempts):
        for each, times in taken.items():
            start = time.perf_counter()
            each()
            times.append(time.perf_counter() - start)
    return min(taken[call]) / min(taken[work])


@pytest.mark.alone
@pytest.mark.parametrize("n", [1, 100])
def test_a_short_call_is_over_soon(n):
    """Usual are 1.2 to 2.2, with the library's own few microseconds. The bound leaves room for a busy machine."""
    crops, ((X0, Y0), columns) = crops_of(n, size=11), columns_of(n, size=11)
    channel = lumicrop.Channel(crops, pixel_nm=100, gain=1, qe=1)
    with lumicrop.Context("cpu", threads=1) as context:
        assert times_of_work(lambda: lumicrop.integrate(channel, X0=X0, Y0=Y0, **columns, context=context)) < 4
    assert times_of_work(lambda: integrate_crop([crops], X0, Y0, **columns)) < 4
    assert times_of_work(lambda: integrate_crop([crops], channels_weighted_integrations=False)) < 4


# -------------------------------------------------------------------------------------------------------------- settings


def test_what_becomes_of_an_answer_does_not_change_the_next():
    crops = [crops_of(3), crops_of(2)]
    (X0, Y0), columns = columns_of(5)
    due = integrate_crop(crops, X0, Y0, **columns)
    _, info = integrate_crop(crops, X0, Y0, **columns)
    for key in ("channels_weighted_integrations", "channels_fit_models", "channels_pixels_nm", "psf_sums"):
        info[key][0] = None
        info[key].append("more")
    again = integrate_crop(crops, X0, Y0, **columns)
    assert_same(again, due)
    assert again[1]["channels_weighted_integrations"] == [True, True]
    assert again[1]["channels_fit_models"] == ["isogauss", "isogauss"]
    assert again[1]["channels_pixels_nm"] == [(1.0, 1.0), (1.0, 1.0)]


def test_settings_that_are_equal_but_of_another_type_come_back_as_given():
    for pixel in (2, 2.0, True, np.float64(2)):
        info = integrate_crop([crops_of()], channels_weighted_integrations=False, channels_pixels_nm=pixel)[1]
        assert [type(length) for length in info["channels_pixels_nm"][0]] == [type(pixel)] * 2


def test_settings_that_change_between_calls_are_seen():
    gains = [1.0]
    crops = [crops_of()]
    one = integrate_crop(crops, channels_weighted_integrations=False, channels_gains=gains)[0]
    gains[0] = 2.0
    np.testing.assert_array_equal(
        integrate_crop(crops, channels_weighted_integrations=False, channels_gains=gains)[0], 2 * one
    )
    for gain in (2.0, 1.0, 2.0):
        photons = integrate_crop(crops, channels_weighted_integrations=False, channels_gains=gain)[0]
        np.testing.assert_array_equal(photons, gain * one)


def test_what_is_refused_is_refused_every_time():
    for _ in range(3):
        with pytest.raises(ValueError, match="channel 1: channels_gains is nan, a finite number above 0 expected"):
            integrate_crop([crops_of()], channels_weighted_integrations=False, channels_gains=np.nan)
        with pytest.raises(ValueError, match="channel 1: channels_QE is 'much', a number expected"):
            integrate_crop([crops_of()], channels_weighted_integrations=False, channels_QE="much")


def test_what_changes_in_a_channel_is_seen():
    columns = {"X0": np.zeros(N), "Y0": np.zeros(N), **{name: np.full(N, 220.0) for name in ("x_fit", "y_fit")}}
    pixel_nm = [100.0, 100.0]
    channel = lumicrop.Channel(crops_of(), gain=1, qe=1, pixel_nm=pixel_nm, psf_sigma_nm=130.0)

    def photons():
        return lumicrop.integrate(channel, **columns, os_fit=np.ones(N)).photons

    def due():
        return lumicrop.integrate(
            lumicrop.Channel(**vars(channel) | {"pixel_nm": tuple(pixel_nm)}), **columns, os_fit=np.ones(N)
        ).photons

    seen = [photons()]
    for change in (
        lambda: pixel_nm.__setitem__(1, 90.0),
        lambda: setattr(channel, "psf_sigma_nm", np.array(110.0)),
        lambda: channel.psf_sigma_nm.fill(150.0),
        lambda: setattr(channel, "gain", 2),
        lambda: setattr(channel, "frame_shape", (5, 5)),
        lambda: setattr(channel, "padding", "geometry"),
        lambda: setattr(channel, "method", "joint"),
        lambda: setattr(channel, "bad_pixels", np.eye(5)),
    ):
        change()
        np.testing.assert_array_equal(photons(), due())
        seen.append(photons())
    assert (
        len({tuple(each) for each in seen}) == len(seen) - 1
    )  # all but the frame, which crops under other paddings have none of
    channel.bad_pixels[2] = True
    np.testing.assert_array_equal(photons(), due())
    assert np.any(photons() != seen[-1])


class Number:
    """Can be hashed, and changed nevertheless, as the scalars of some libraries can."""

    def __init__(self, value):
        self.value = value

    def __float__(self):
        return self.value


@pytest.mark.parametrize("wrap", [lambda number: number, lambda number: (number, 100.0)])
def test_numbers_that_hash_by_identity_are_looked_at_again(wrap):
    number = Number(100.0)
    columns = {
        "X0": np.zeros(N),
        "Y0": np.zeros(N),
        "x_fit": np.full(N, 220.0),
        "y_fit": np.full(N, 220.0),
        "os_fit": np.ones(N),
    }
    channel = lumicrop.Channel(crops_of(), gain=1, qe=1, pixel_nm=wrap(number), psf_sigma_nm=130.0)
    before = lumicrop.integrate(channel, **columns).photons
    number.value = 90.0
    after = lumicrop.integrate(channel, **columns).photons
    due = lumicrop.integrate(
        lumicrop.Channel(crops_of(), gain=1, qe=1, pixel_nm=wrap(90.0), psf_sigma_nm=130.0), **columns
    ).photons
    np.testing.assert_array_equal(after, due)
    assert np.all(before != after)


def test_a_channel_is_refused_where_it_stands_and_for_its_own_type():
    good = dict(images=crops_of(), method="sum", gain=1, qe=1, n_detections=N, crop_shape=None)
    for _ in range(2):
        lumicrop.integrate(lumicrop.Channel(**good))
        for changes in ({"n_detections": float(N)}, {"gain": "1"}):
            (name,) = changes
            with pytest.raises(lumicrop.InvalidArgument, match=f"channel 1: {name} is .*, a number expected"):
                lumicrop.integrate(lumicrop.Channel(**good | changes))
            with pytest.raises(lumicrop.InvalidArgument, match=f"channel 2: {name} is .*, a number expected"):
                lumicrop.integrate([lumicrop.Channel(**good), lumicrop.Channel(**good | changes)])


def test_threads_may_share_settings():
    stacks, answers = [crops_of(n=50 + k, seed=k) for k in range(4)], [[] for _ in range(4)]

    def count(k):
        for _ in range(100):
            answers[k].append(integrate_crop([stacks[k]], channels_weighted_integrations=False))

    threads = [threading.Thread(target=count, args=(k,)) for k in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for stack, given in zip(stacks, answers):
        due = integrate_crop([stack], channels_weighted_integrations=False)
        assert len(given) == 100
        for answer in given:
            assert_same(answer, due)


# --------------------------------------------------------------------------------------------------------------- columns


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_new_columns_share_no_element_and_outlive_each_other(dtype):
    channels, columns = job(60)
    due = lumicrop.integrate(channels, **columns, dtype=dtype)
    for spoiled in OUTPUTS:
        result = lumicrop.integrate(channels, **columns, dtype=dtype)
        getattr(result, spoiled)[:] = 7
        for name in OUTPUTS:
            column = getattr(result, name)
            assert column.flags.c_contiguous and column.flags.writeable and column.flags.aligned
            np.testing.assert_array_equal(column, 7 if name == spoiled else getattr(due, name))
    kept = [lumicrop.integrate(channels, **columns, dtype=dtype).denominator for _ in range(50)]
    for column in kept:
        np.testing.assert_array_equal(column, due.denominator)


def test_columns_by_channel_come_in_the_order_of_many_channels_crops():
    rng = np.random.default_rng(4)
    lengths = rng.integers(0, 4, 300)
    ch = rng.permutation(np.repeat(np.arange(1, 301), lengths)).astype(np.uint16)
    crops = [rng.poisson(100, (length, 3, 3)).astype(np.float32) for length in lengths]
    photons, info = integrate_crop(crops, ch=ch, channels_weighted_integrations=False)
    for k, stack in enumerate(crops, start=1):
        medians = info["border_medians"][k - 1]
        np.testing.assert_array_equal(medians, info["background_vector"][ch == k])
        np.testing.assert_array_equal(photons[ch == k], (stack - medians[:, None, None]).sum(axis=(1, 2)))


@pytest.mark.parametrize("label", [65537, -65535, 1 << 40])
def test_labels_that_are_a_channel_s_but_for_their_high_bits_are_refused(label):
    with pytest.raises(ValueError, match=rf"ch\[0\] is {label}, a channel from 1 to 2 expected"):
        integrate_crop([crops_of(1), crops_of(1)], ch=[label, 2], channels_weighted_integrations=False)


# ----------------------------------------------------------------------------------------------------------------- names


def test_labels_by_place_or_by_name_are_the_same():
    (X0, Y0), columns = columns_of(5)
    crops, ch = [crops_of(3), crops_of(2)], [2, 1, 1, 2, 1]
    due = integrate_crop(crops, X0, Y0, ch=ch, **columns)
    assert_same(integrate_crop(crops, X0, Y0, ch, **columns), due)
    assert_same(integrate_crop(crops, X0, Y0, ch, ch=None, **columns), due)
    assert_same(integrate_crop(crops, X0, Y0, None, config=namespace(ch=ch), **columns), due)
    assert_same(integrate_crop(crops, X0, Y0, ch, config=namespace(ch=[1, 1, 1, 1, 2]), **columns), due)


CROPS = [crops_of()]


@pytest.mark.parametrize(
    "args, keywords, message",
    [
        ((), {}, "missing a required argument: 'crops'"),
        ((), {"ch": [1]}, "missing a required argument: 'crops'"),
        ((CROPS,), {"channels_gain": 2}, "got an unexpected keyword argument 'channels_gain'"),
        ((CROPS, None, None, None, None), {}, "too many positional arguments"),
        ((CROPS, None, None, [1] * N), {"ch": [1] * N}, "multiple values for argument 'ch'"),
        ((CROPS,), {"X0": np.zeros(N)}, "'X0'|positional.only"),
        ((), {"crops": CROPS}, "'crops'"),
    ],
)
@pytest.mark.parametrize("elsewhere", [{}, {"config": namespace()}, {"locs": namespace(detections=namespace())}])
def test_arguments_that_the_signature_does_not_have_are_refused_in_python_s_words(args, keywords, message, elsewhere):
    with pytest.raises(TypeError, match=message):
        integrate_crop(*args, **keywords, **elsewhere)


def test_every_argument_may_be_looked_up():
    """One that is not taken from `config` would be counted with its default."""
    names = [name for name, p in inspect.signature(integrate_crop).parameters.items() if p.kind is p.KEYWORD_ONLY]
    asked = []

    class Config:
        def __getattr__(self, name):
            asked.append(name)
            raise AttributeError(name)

    integrate_crop(CROPS, channels_weighted_integrations=False, config=Config())
    assert set(names) - {"locs", "config", "df_name", "channels_weighted_integrations"} <= set(asked)
