"""The native call: contexts, reproducibility, channels of every kind, refusals."""

import gc
import multiprocessing
import os
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lumicrop
import oracle

OUTPUTS = ("photons", "background", "psf_sum", "denominator", "flags")
KNOTS = np.arange(29.0) * 100 - 1400


def smooth_spline():
    z, y, x = np.meshgrid(*[np.linspace(-2, 2, 25)] * 3, indexing="ij")
    return [KNOTS, KNOTS, KNOTS, np.exp(-(x**2 + y**2) * (1 + z**2)) + 0.01]


def job(n=600, seed=1):
    """Three channels of other size, type, method and model, their detections in mixed order."""
    rng = np.random.default_rng(seed)
    ch = rng.permutation(np.repeat([1, 2, 3], [n // 2, n // 3, n - n // 2 - n // 3]))
    X0, Y0 = rng.integers(0, 100, (2, n)).astype(np.int32)
    columns = {
        "ch": ch,
        "X0": X0,
        "Y0": Y0,
        "x_fit": (X0 + rng.uniform(2, 6, n)) * 100,
        "y_fit": (Y0 + rng.uniform(2, 6, n)) * 100,
        "os_fit": rng.uniform(80, 120, n),
        "sigma_fit": rng.uniform(90, 160, n),
        "z_fit": rng.uniform(-500, 500, n),
    }
    camera = {"pixel_nm": (100, 100), "gain": 0.5, "qe": 0.8}
    poisson = lambda k, *shape: rng.poisson(100, ((ch == k).sum(), *shape))
    return [
        lumicrop.Channel(poisson(1, 9, 9).astype(np.uint16), **camera),
        lumicrop.Channel(poisson(2, 11, 11).astype(np.float32), method="sum", **camera),
        lumicrop.Channel(
            poisson(3, 7, 8).astype(np.float64), model="spline", spline=lumicrop.Spline(*smooth_spline()), **camera
        ),
    ], columns


def assert_same_bits(one, other):
    for name in OUTPUTS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


# ------------------------------------------------------------------------------------------------------------- contexts


def test_backends_tell_compiled_found_and_usable_apart_with_reasons():
    cpu, cuda = lumicrop.backends()
    assert (cpu.name, cpu.compiled_in, cpu.found, cpu.usable, cpu.n_devices) == ("cpu", True, True, True, 1)
    assert cpu.threads >= 1 and cpu.instruction_set in ("baseline", "avx2", "avx512") and cpu.reason
    assert cuda.name == "cuda" and cuda.reason and cuda.usable <= cuda.found <= (cuda.n_devices > 0)


def test_a_context_tells_what_it_uses():
    with lumicrop.Context("CPU", threads=2, instruction_set="baseline") as context:
        info = context.info
        assert (info.backend, info.threads, info.instruction_set, info.device) == ("cpu", 2, "baseline", -1) and info.reason
        context.synchronize()
        assert lumicrop.integrate(*job(6)[:1], **job(6)[1], context=context).context is info


def test_a_closed_context_is_refused():
    context = lumicrop.Context("cpu")
    context.close()
    context.close()
    for use in context.synchronize, lambda: lumicrop.integrate(job(6)[0], **job(6)[1], context=context):
        with pytest.raises(lumicrop.InvalidArgument, match="context: it has been closed"):
            use()


@pytest.mark.parametrize(
    "options, kind, message",
    [
        ({"backend": "tpu"}, lumicrop.InvalidArgument, "backend is 'tpu', one of 'auto', 'cpu', 'cuda' expected"),
        ({"backend": None}, lumicrop.InvalidArgument, "backend is None"),
        ({"instruction_set": "sse9"}, lumicrop.InvalidArgument, "instruction_set is 'sse9'"),
        ({"threads": 1.5}, lumicrop.InvalidArgument, "threads is 1.5, a whole number expected"),
        ({"threads": -1, "backend": "cpu"}, lumicrop.InvalidArgument, "threads is -1"),
        ({"threads": 1025, "backend": "cpu"}, lumicrop.InvalidArgument, "threads is 1025"),
        ({"stream": 64, "backend": "cpu"}, lumicrop.InvalidArgument, "stream"),
    ],
)
def test_contexts_that_cannot_be(options, kind, message):
    with pytest.raises(kind, match=message):
        lumicrop.Context(**options)


def test_without_a_gpu_cuda_is_refused_with_the_reason():
    cuda = lumicrop.backends()[1]
    if cuda.usable:
        pytest.skip("a GPU can be used")
    with pytest.raises(lumicrop.Error) as raised:
        lumicrop.Context("cuda")
    assert type(raised.value) is not lumicrop.Error and not isinstance(raised.value, ValueError)
    assert cuda.reason in str(raised.value) or str(raised.value) in cuda.reason


def test_each_thread_has_a_context_of_its_own_freed_with_it():
    from lumicrop._context import default_context

    channels, columns = job(60)
    due, seen = lumicrop.integrate(channels, **columns), []

    def work():
        result = lumicrop.integrate(channels, **columns)
        seen.append((id(default_context()), default_context() is default_context(), result))

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    gc.collect()
    assert len(seen) == 4 and all(same for _, same, _ in seen) and id(default_context()) not in {key for key, _, _ in seen}
    for _, _, result in seen:
        assert_same_bits(result, due)


def test_threads_may_share_a_context_and_a_spline():
    channels, columns = job(3000)
    with lumicrop.Context("cpu", threads=2) as context:
        due, results = lumicrop.integrate(channels, **columns, context=context), []
        threads = [
            threading.Thread(target=lambda: results.append(lumicrop.integrate(channels, **columns, context=context)))
            for _ in range(4)
        ]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    assert len(results) == 4
    for result in results:
        assert_same_bits(result, due)


# ------------------------------------------------------------------------------------------------------ reproducibility


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512"])
def test_the_number_of_threads_changes_no_bit(isa):
    channels, columns = job(3001)
    try:
        results = [
            lumicrop.integrate(channels, **columns, context=lumicrop.Context("cpu", threads, isa)) for threads in (1, 2, 3, 8)
        ]
    except lumicrop.Unsupported as error:
        pytest.skip(str(error))
    assert np.isfinite(results[0].photons).all()
    for result in results[1:]:
        assert_same_bits(result, results[0])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 199), min_size=1, max_size=60))
def test_neither_batch_nor_position_changes_a_bit(rows):
    """Any choice of detections, in any order, repeated at will, gives what each gave in the whole."""
    for channel in job()[0]:
        crops, columns = channel.images[: 200 if len(channel.images) >= 200 else 100], job()[1]
        n = len(crops)
        columns = {name: values[:n] for name, values in columns.items() if name != "ch"}
        due = lumicrop.integrate(replace(channel, images=crops), **columns)
        chosen = np.array(rows) % n
        result = lumicrop.integrate(replace(channel, images=crops[chosen]), **{k: v[chosen] for k, v in columns.items()})
        for name in OUTPUTS:
            np.testing.assert_array_equal(getattr(result, name), getattr(due, name)[chosen])


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_what_a_context_did_before_changes_no_bit(isa, dtype):
    """Its workspace still holds the last call's numbers, NaN here: none of them may be read again."""
    n, rng = 40, np.random.default_rng(3)
    try:
        context = lumicrop.Context("cpu", threads=1, instruction_set=isa)
    except lumicrop.Unsupported as error:
        pytest.skip(str(error))
    zero = np.zeros(n)
    columns = {"X0": zero, "Y0": zero, "x_fit": zero + 300, "y_fit": zero + 310, "os_fit": zero + 90}
    nan = lumicrop.Channel(np.full((64, 29, 29), np.nan, dtype), method="sum", gain=1, qe=1)
    ways = [
        {"method": "sum"},
        {"psf_sigma_nm": 120},
        {"model": "gauss", "psf_sigma_x_nm": 90, "psf_sigma_y_nm": 140, "psf_theta_deg": 30},
        {"model": "spline", "spline": lumicrop.Spline(*smooth_spline())},
    ]
    for width in range(1, 18):
        crops = rng.poisson(100, (n, 7, width)).astype(dtype)
        for way in ways:
            channel = lumicrop.Channel(crops, pixel_nm=100, gain=1, qe=1, **way)
            with lumicrop.Context("cpu", threads=1, instruction_set=isa) as fresh:
                due = lumicrop.integrate(channel, **columns, context=fresh)
            assert np.isfinite(due.photons).all(), (width, way)
            lumicrop.integrate(nan, context=context)
            assert_same_bits(lumicrop.integrate(channel, **columns, context=context), due)


def _in_child(arguments):
    channels, columns, outputs = arguments
    result = lumicrop.integrate(channels, **columns)
    return [getattr(result, name) for name in outputs], os.getpid(), result.context


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_computes_the_same_bits():
    """GNU OpenMP hangs in a child of a process whose threads have run; the library computes there on one thread."""
    channels, columns = job(3000)
    channels = channels[:2]  # a spline does not travel by pickle
    keep = columns["ch"] < 3
    columns = {name: values[keep] for name, values in columns.items()}
    due = lumicrop.integrate(channels, **columns, context=lumicrop.Context("cpu", threads=2))
    here = lumicrop.integrate(channels, **columns)  # this thread's own context, which the child takes over
    if here.context.backend != "cpu":
        pytest.skip("a child made by fork cannot use its parent's GPU")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        answers = pool.map_async(_in_child, [(channels, columns, OUTPUTS)] * 2).get(timeout=60)
    for values, pid, _ in answers:
        assert pid != os.getpid()
        for name, column in zip(OUTPUTS, values):
            np.testing.assert_array_equal(column, getattr(due, name))
            np.testing.assert_array_equal(column, getattr(here, name))


# ---------------------------------------------------------------------------------------------------- channels, outputs


def test_channels_of_every_kind_in_one_call_agree_with_the_formulas():
    channels, columns = job()
    result = lumicrop.integrate(channels, **columns)
    for k, channel in enumerate(channels, start=1):
        rows = columns["ch"] == k
        own = {name: values[rows] for name, values in columns.items() if name != "ch" and channel.method == "filter"}
        expected = oracle.channel(
            channel.images,
            method=channel.method,
            model=channel.model,
            pixel=(100, 100),
            scale=0.5 / 0.8,
            spline_psf=smooth_spline(),
            **own,
        )
        for name in OUTPUTS[:4]:
            oracle.assert_agrees(getattr(result, name)[rows], expected, name)


def test_one_channel_alone_and_channels_of_any_iterable():
    crops = np.random.default_rng(1).poisson(100, (5, 7, 7))
    channel = lumicrop.Channel(crops, method="sum", gain=1, qe=1)
    for channels in (channel, [channel], (channel,), iter([channel])):
        assert_same_bits(lumicrop.integrate(channels), lumicrop.integrate(channel))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, "float32"])
def test_outputs_are_what_was_asked_for(dtype):
    channels, columns = job(30)
    due = lumicrop.integrate(channels, **columns)
    for outputs in ("photons", ["flags"], ("background", "psf_sum"), (), OUTPUTS):
        result = lumicrop.integrate(channels, **columns, outputs=outputs, dtype=dtype)
        for name in OUTPUTS:
            column = getattr(result, name)
            if name not in ([outputs] if isinstance(outputs, str) else outputs):
                assert column is None
                continue
            assert column.dtype == (np.uint32 if name == "flags" else dtype) and column.shape == (30,)
            np.testing.assert_array_equal(column, getattr(due, name).astype(column.dtype))  # rounded once


def test_the_camera_s_offset_comes_off_first():
    crops = np.random.default_rng(4).poisson(50, (20, 9, 9)).astype(np.uint16)
    columns = {
        "X0": np.zeros(20),
        "Y0": np.zeros(20),
        "x_fit": np.full(20, 400.0),
        "y_fit": np.full(20, 380.0),
        "os_fit": np.full(20, 50.0),
    }
    for method in ("sum", "filter"):
        plain = lumicrop.Channel(crops, method=method, pixel_nm=100, gain=1, qe=1, psf_sigma_nm=120, padding="none")
        due = lumicrop.integrate(plain, **columns)
        lifted = lumicrop.integrate(replace(plain, images=(crops + 1000).astype(np.uint16), camera_offset=1000), **columns)
        np.testing.assert_allclose(lifted.photons, due.photons, rtol=0, atol=4e-6 * 81 * 50)
        np.testing.assert_array_equal(lifted.background, due.background)


def test_the_origin_at_the_pixel_s_corner_is_half_a_pixel_earlier():
    channels, columns = job()
    due = lumicrop.integrate(channels, **columns)
    moved = columns | {"x_fit": columns["x_fit"] + 50, "y_fit": columns["y_fit"] + 50}
    shifted = lumicrop.integrate(channels, **moved, origin="pixel_corner")
    np.testing.assert_allclose(shifted.photons, due.photons, rtol=1e-6, atol=1e-3)
    assert not np.allclose(lumicrop.integrate(channels, **moved).photons, due.photons, rtol=1e-3)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_crops_gathered_from_frames_beyond_the_edge_too(dtype):
    rng = np.random.default_rng(6)
    movie = rng.poisson(60, (4, 20, 25)).astype(dtype)
    frame, X0, Y0 = rng.integers(0, 4, 200), rng.integers(-6, 24, 200), rng.integers(-8, 19, 200)
    crops, inside = np.zeros((200, 8, 7), dtype), np.zeros((200, 8, 7), bool)
    for j in range(200):
        for r in range(8):
            for c in range(7):
                y, x = Y0[j] + r, X0[j] + c
                inside[j, r, c] = 0 <= y < 20 and 0 <= x < 25
                if inside[j, r, c]:
                    crops[j, r, c] = movie[frame[j], y, x]
    gathered = lumicrop.Channel(movie, method="sum", gain=1, qe=1, crop_shape=(8, 7))
    result = lumicrop.integrate(gathered, frame=frame, X0=X0, Y0=Y0)
    expected = oracle.channel(crops, method="sum", scale=1.0, padding=~inside)
    oracle.assert_agrees(result.photons, expected, "photons")
    oracle.assert_agrees(result.background, expected, "background")
    np.testing.assert_array_equal((result.flags & lumicrop.Flag.TRUNCATED) != 0, ~inside.all(axis=(1, 2)))
    given = lumicrop.Channel(crops, method="sum", gain=1, qe=1, padding="geometry", frame_shape=(20, 25))
    assert_same_bits(lumicrop.integrate(given, X0=X0, Y0=Y0), result)


def flags_of(crops, **arguments):
    channel = {name: arguments.pop(name) for name in ("method", "model", "spline", "padding") if name in arguments}
    n = len(crops)
    columns = {
        "X0": np.zeros(n),
        "Y0": np.zeros(n),
        "x_fit": np.full(n, 200.0),
        "y_fit": np.full(n, 200.0),
        "os_fit": np.full(n, 90.0),
    }
    channel = lumicrop.Channel(crops, **{"pixel_nm": 100, "gain": 1, "qe": 1, "psf_sigma_nm": 120, **channel})
    result = lumicrop.integrate(channel, **{**columns, **arguments})
    return [lumicrop.Flag(int(flags)) for flags in result.flags], result.photons


def test_flags_say_what_is_unusual():
    F = lumicrop.Flag
    crops = np.random.default_rng(9).poisson(100, (4, 5, 5)).astype(np.float32) + 1
    none = F(0)
    assert flags_of(crops)[0] == flags_of(crops, method="sum")[0] == [none] * 4
    spoiled = crops.copy()
    spoiled[1, 2, 2], spoiled[2, 0, 0], spoiled[3, 0, :] = np.nan, np.inf, 0
    flags, photons = flags_of(spoiled, method="sum")
    assert flags == [none, F.DATA_NOT_FINITE, F.DATA_NOT_FINITE, F.TRUNCATED] and list(np.isfinite(photons)) == [
        True,
        False,
        False,
        True,
    ]
    assert flags_of(spoiled)[0] == [none, F.DATA_NOT_FINITE, F.DATA_NOT_FINITE, none]
    assert flags_of(np.zeros((1, 3, 3), "f4"), method="sum")[0] == [F.NO_BORDER | F.TRUNCATED]
    flags, photons = flags_of(crops, os_fit=np.array([90, np.nan, 90, 90]), x_fit=np.array([200, 200, -60, 1e7]))
    assert (
        flags[:3] == [none, F.PARAMETER_NAN, F.CENTRE_OUTSIDE] and np.isfinite(photons[2]) and np.isnan(photons[[1, 3]]).all()
    )
    assert flags[3] == F.CENTRE_OUTSIDE | F.ZERO_DENOMINATOR
    spline = lumicrop.Spline(*smooth_spline())
    flags, photons = flags_of(
        crops, model="spline", spline=spline, z_fit=np.array([0, 5000, 0, np.nan]), x_fit=np.array([200, 200, 1200, 200.0])
    )
    assert flags[0] == none and flags[1] == F.OUTSIDE_DOMAIN | F.ZERO_DENOMINATOR
    assert flags[2] & F.OUTSIDE_DOMAIN and flags[3] & F.PARAMETER_NAN


# ------------------------------------------------------------------------------------------------------------- refusals

CROPS = np.ones((3, 5, 5), np.float32)
FILTER = {"X0": np.zeros(3), "Y0": np.zeros(3), "x_fit": np.full(3, 2.0), "y_fit": np.full(3, 2.0), "os_fit": np.zeros(3)}
CHANNEL = {"images": CROPS, "pixel_nm": 1, "gain": 1, "qe": 1, "psf_sigma_nm": 1}


def refused(message, kind=lumicrop.InvalidArgument, channel=(), **arguments):
    with pytest.raises(kind, match=message):
        lumicrop.integrate(lumicrop.Channel(**{**CHANNEL, **dict(channel)}), **{**FILTER, **arguments})


def test_what_the_refusals_start_from_is_accepted():
    assert np.isfinite(lumicrop.integrate(lumicrop.Channel(**CHANNEL), **FILTER).photons).all()


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("method", "guess", "channel 1: method is 'guess', one of 'filter', 'sum', 'joint', 'optimal', 'mle', 'aperture' expected"),
        ("method", None, "channel 1: method is None"),
        ("model", "airy", "channel 1: model is 'airy', one of 'isogauss', 'gauss', 'spline' expected"),
        ("padding", "some", "channel 1: padding is 'some', one of 'zeros', 'geometry', 'none' expected"),
        ("pixel_nm", None, "channel 1: pixel_[yx]_nm is nan"),
        ("pixel_nm", (1, 0), "channel 1: pixel_x_nm is 0"),
        ("pixel_nm", (1, 2, 3), r"channel 1: pixel_nm is \(1, 2, 3\), a pair \(y, x\) expected"),
        ("pixel_nm", ("a", 2), "channel 1: pixel_nm is 'a', a number expected"),
        ("gain", None, "channel 1: gain is nan, a finite number above 0 expected"),
        ("gain", -2, "channel 1: gain is -2"),
        ("gain", "2", "channel 1: gain is '2', a number expected"),
        ("qe", None, "channel 1: qe is nan"),
        ("qe", 0, "channel 1: qe is 0"),
        ("camera_offset", np.nan, "channel 1: camera_offset is nan"),
        ("psf_sigma_nm", None, "channel 1: psf_sigma_nm is nan"),
        ("n_detections", 4, "channel 1: n_detections is 4, but images has 3 crops"),
        ("n_detections", -3, "channel 1: n_detections is -3"),
        ("n_detections", 2.5, "channel 1: n_detections is 2.5, a number expected"),
        ("crop_shape", 5, r"channel 1: crop_shape is 5, a pair \(y, x\) expected"),
        ("crop_shape", (0, 5), "channel 1: crop_height is 0, at least 1 pixel expected"),
        ("crop_shape", (5, 5), "channel 1: frame is required"),
        ("padding", "geometry", "channel 1: frame_height is 0"),
        ("images", np.ones((3, 0, 5)), "channel 1: images: height is 0"),
        ("images", np.ones((4, 5, 5)), "X0 has 3 values, 4 detections expected"),
        ("spline", "S", "channel 1: spline: a lumicrop.Spline expected, found str"),
    ],
)
def test_channels_that_are_refused(name, value, message):
    refused(message, channel={name: value})


def test_models_without_what_they_need():
    refused("channel 1: psf_sigma_x_nm is nan", channel={"model": "gauss"})
    refused("channel 1: psf_sigma_y_nm is nan", channel={"model": "gauss", "psf_sigma_x_nm": 1})
    refused("channel 1: psf_theta_deg is nan", channel={"model": "gauss", "psf_theta_deg": np.nan}, sigma_fit=np.ones(3))
    refused("channel 1: spline is None, .* expected", channel={"model": "spline"})


@pytest.mark.parametrize("name", FILTER)
def test_columns_that_are_refused(name):
    refused(f"channel 1: {name} is required for the filter", **{name: None})
    refused(f"{name} has 2 values, 3 detections expected", **{name: np.ones(2)})
    refused(f"{name}: numbers expected", **{name: ["a", "b", "c"]})


def test_other_arguments_that_are_refused():
    refused("origin is 'middle', one of 'first_pixel', 'pixel_corner' expected", origin="middle")
    refused("outputs: 'photon' found, one of 'photons'", outputs=("photon",))
    for dtype in (np.float16, int, "much"):
        refused("dtype is .*float32 or float64 expected", dtype=dtype)
    with pytest.raises(lumicrop.InvalidArgument, match="at least 1 expected"):
        lumicrop.integrate([])
    with pytest.raises(lumicrop.InvalidArgument, match="channel 2: a lumicrop.Channel expected, found str"):
        lumicrop.integrate([lumicrop.Channel(**CHANNEL), "sum"], **FILTER)
    with pytest.raises(TypeError):
        lumicrop.Channel(CROPS, gains=1)


def test_gathering_that_is_refused():
    movie = {"images": np.ones((2, 9, 9)), "crop_shape": (5, 5)}
    frame, whole = np.array([0, 1, 1]), {"X0": np.zeros(3, int), "Y0": np.zeros(3, int)}
    lumicrop.integrate(lumicrop.Channel(**{**CHANNEL, **movie}), **{**FILTER, **whole}, frame=frame)
    refused(r"channel 1: frame\[1\] is 2, a frame from 0 to 1 expected", channel=movie, frame=[0, 2, 1], **whole)
    refused(r"channel 1: frame\[2\] is -1", channel=movie, frame=[0, 1, -1], **whole)
    refused("X0: entry 1 is 0.5, a whole number expected", channel=movie, frame=frame, X0=[0, 0.5, 1])
    refused("frame has 3 values, 2 detections expected|X0 has 3 values", channel=movie, frame=frame, ch=[1, 1])
    refused("channel 1: n_detections|channel 1: .*4", channel={**movie, "n_detections": 4}, frame=frame, ch=[1, 1, 1], **whole)


@pytest.mark.parametrize(
    "position, spoil, message",
    [
        (0, lambda t: t[::-1], "tx.*non-decreasing"),
        (1, lambda t: t[:7], "ty has 7 knots, at least 8 expected"),
        (2, lambda t: np.where(t == 0, np.nan, t), r"tz\[.* is nan, a finite number expected"),
        (0, lambda t: t[:-1], "coefficients has shape"),
        (1, lambda t: t * 0, "ty: the domain .* is empty"),
        (3, lambda c: c[:-1], r"coefficients has shape \(24, 25, 25\), \(25, 25, 25\) expected"),
        (3, lambda c: c[0], "coefficients: 3 dimensions expected"),
        (3, lambda c: c + np.inf, r"coefficients\[0\]\[0\]\[0\] is inf"),
        (2, lambda t: t[None], "tz: 1 dimension expected"),
    ],
)
def test_splines_that_are_refused(position, spoil, message):
    parts = smooth_spline()
    parts[position] = spoil(parts[position])
    with pytest.raises(lumicrop.InvalidArgument, match=message):
        lumicrop.Spline(*parts)
