"""Every call that the drop-in refuses: what it raises, and that the text names argument, channel, expected and found."""

import numpy as np
import pytest

import lumicrop

N = 4
CROPS = np.random.default_rng(21).poisson(100, (N, 7, 7)).astype(np.float32)
X0 = Y0 = np.zeros(N, int)
COLUMNS = {"x_fit": np.full(N, 3.0), "y_fit": np.full(N, 3.0), "os_fit": np.full(N, 100.0)}
EIGHT = {name: np.ones(8) for name in ("X0", "Y0", *COLUMNS)}
KNOTS = np.arange(12.0) * 100 - 550
COEFFICIENTS = np.ones((8, 8, 8))
SPLINE = {
    "channels_fit_models": "spline",
    "channels_psf_3d_xtangents": [KNOTS],
    "channels_psf_3d_ytangents": [KNOTS],
    "channels_psf_3d_ztangents": [KNOTS],
    "channels_psf_3d_spline_coeffs": [COEFFICIENTS],
}


def weighted(crops=(CROPS,), **changes):
    arguments = {"X0": X0, "Y0": Y0, **COLUMNS, **changes}
    return lumicrop.integrate_crop(list(crops), arguments.pop("X0"), arguments.pop("Y0"), **arguments)


def unweighted(crops=(CROPS,), **changes):
    return lumicrop.integrate_crop(list(crops), channels_weighted_integrations=False, **changes)


def test_what_these_refusals_start_from_is_accepted():
    assert np.isfinite(weighted()[0]).all() and np.isfinite(unweighted()[0]).all() and np.isfinite(weighted(**SPLINE)[0]).all()


@pytest.mark.parametrize("name", ["x_fit", "y_fit", "os_fit"])
def test_a_weighted_channel_without_a_column(name):
    with pytest.raises(ValueError, match=f"channel 1: {name} is required"):
        weighted(**{name: None})


def test_a_weighted_channel_without_origins():
    with pytest.raises(ValueError, match="channel 1: X0 is required"):
        weighted(X0=None)
    with pytest.raises(ValueError, match="channel 1: Y0 is required"):
        weighted(Y0=None)
    with pytest.raises(ValueError, match="channel 2: X0 is required"):
        weighted([CROPS, CROPS], X0=None, channels_weighted_integrations=[False, True])


@pytest.mark.parametrize("name", ["X0", "Y0", "x_fit", "y_fit", "os_fit", "sigma_fit"])
def test_columns_of_another_length(name):
    with pytest.raises(ValueError, match=f"{name} has 3 values, 4 detections expected"):
        weighted(**{name: np.ones(3)})
    with pytest.raises(ValueError, match=f"{name} has 5 values, 4 detections expected"):
        weighted(**{name: [1.0] * 5})
    with pytest.raises(ValueError, match=f"channel 2: {name} has 3 values, 4 detections expected"):
        weighted([CROPS, CROPS], **EIGHT | {name: [np.ones(4), np.ones(3)]})
    with pytest.raises(ValueError, match=f"{name} has 3 arrays, 2 expected"):
        weighted([CROPS, CROPS], **EIGHT | {name: [np.ones(4)] * 3})
    with pytest.raises(ValueError, match=rf"{name}: 1 dimension expected, found shape \(2, 2\)"):
        weighted(**{name: np.ones((2, 2))})
    with pytest.raises(ValueError, match=f"{name}: numbers expected"):
        weighted(**{name: np.array(["a"] * 4)})


@pytest.mark.parametrize(
    "ch, message",
    [
        ([1, 1, 1], "ch has 3 values, 4 detections expected"),
        ([0, 1, 1, 1], r"ch\[0\] is 0, a channel from 1 to 1 expected"),
        ([1, 1, 2, 1], r"ch\[2\] is 2, a channel from 1 to 1 expected"),
        ([1, -1, 1, 1], r"ch\[1\] is -1, a channel from 1 to 1 expected"),
        ([1, 1, 1.5, 1], r"ch: entry 2 is 1\.5, a whole number expected"),
        ([[1, 1], [1, 1]], r"ch: 1 dimension expected, found shape \(2, 2\)"),
    ],
)
def test_labels_that_do_not_fit(ch, message):
    for call in (weighted, unweighted):
        with pytest.raises(ValueError, match=message):
            call(ch=ch)


def test_labels_whose_counts_do_not_match_the_stacks():
    with pytest.raises(ValueError, match="channel 1: ch names it 5 times, 4 crops expected"):
        unweighted([CROPS, CROPS], ch=[1, 1, 1, 1, 1, 2, 2, 2])
    with pytest.raises(ValueError, match="channel 1: ch names it 5 times, 4 crops expected"):
        weighted([CROPS, CROPS], **EIGHT | {"x_fit": [np.ones(4), np.ones(4)]}, ch=[1, 1, 1, 1, 1, 2, 2, 2])


SETTINGS = [
    "channels_weighted_integrations",
    "channels_fit_models",
    "channels_gains",
    "channels_QE",
    "channels_psf_sigmas_nm",
    "channels_psf_xsigmas_nm",
    "channels_psf_ysigmas_nm",
    "channels_psf_thetas_deg",
]


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_another_length(name):
    for crops, values in ([CROPS], [1, 1]), ([CROPS] * 3, [1, 1]), ([CROPS], []):
        with pytest.raises(ValueError, match=f"{name} has {len(values)} values, {len(crops)} expected"):
            lumicrop.integrate_crop(crops, **{"channels_weighted_integrations": False, name: values})


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf, "much", object()])
@pytest.mark.parametrize("name", ["channels_gains", "channels_QE"])
def test_gain_and_efficiency_that_are_no_finite_numbers_above_0(name, value):
    for call in (weighted, unweighted):
        with pytest.raises(ValueError, match=f"channel 1: {name} is "):
            call(**{name: value})
    with pytest.raises(ValueError, match=f"channel 2: {name} is "):
        unweighted([CROPS, CROPS], **{name: [1.0, value]})
    with pytest.raises(ValueError, match=f"channel 2: {name} is "):
        unweighted([CROPS, CROPS[:0]], **{name: [1.0, value]})


@pytest.mark.parametrize(
    "value", [0, -1.0, np.nan, np.inf, (100, 0), (np.nan, 100), "wide", (1, 2, 3), [(1, 2, 3)], [("a", 1)]]
)
def test_pixel_sizes_that_are_no_finite_numbers_above_0(value):
    for call in (weighted, unweighted):
        with pytest.raises(ValueError, match="channels_pixels_nm "):
            call(channels_pixels_nm=value)


def test_pixel_sizes_of_the_second_channel_are_named():
    for call in (weighted, unweighted):
        with pytest.raises(ValueError, match=r"channel 2: channels_pixels_nm is \(100, 0\), finite numbers above 0 expected"):
            call([CROPS, CROPS], channels_pixels_nm=[(100, 100), (100, 0)])
        with pytest.raises(ValueError, match="channels_pixels_nm has 4 values, 3 expected"):
            call([CROPS] * 3, channels_pixels_nm=[(100, 100)] * 4)


@pytest.mark.parametrize("pair", [(100, 120), [100.0, 120.0], np.array([100, 120])])
def test_a_bare_pair_of_pixel_sizes_with_two_channels_is_ambiguous(pair):
    for call in (weighted, unweighted):
        with pytest.raises(
            ValueError, match=r"channels_pixels_nm is .*two channels.*either \(y, x\) for both or one size for each"
        ):
            call([CROPS, CROPS], channels_pixels_nm=pair)


@pytest.mark.parametrize("model", ["lorentz", "", 3])
def test_unknown_models(model):
    for call in (weighted, unweighted):
        with pytest.raises(
            ValueError, match=f"channel 1: channels_fit_models is '{model}', one of 'isogauss', 'gauss', 'spline' expected"
        ):
            call(channels_fit_models=[model])
    with pytest.raises(ValueError, match="channel 2: channels_fit_models"):
        unweighted([CROPS, CROPS], channels_fit_models=["gauss", model])


@pytest.mark.parametrize("name", [name for name in SPLINE if "3d" in name])
def test_a_spline_channel_without_its_metadata(name):
    for value in (None, [None]):
        with pytest.raises(SyntaxError, match=f"channel 1: {name} is required for the model 'spline'"):
            weighted(**{**SPLINE, name: value})
    weighted(**{**SPLINE, name: None, "channels_weighted_integrations": False})  # not needed, not missed


@pytest.mark.parametrize("name", [name for name in SPLINE if "3d" in name])
def test_spline_metadata_that_disagree(name):
    with pytest.raises(ValueError, match=f"{name} has 2 values, 1 expected"):
        weighted(**{**SPLINE, name: SPLINE[name] * 2})
    with pytest.raises(ValueError, match="channel 1: channels_psf_3d_spline_coeffs has shape"):
        weighted(**{**SPLINE, name: [SPLINE[name][0][:-1]]})
    spoiled = SPLINE[name][0].copy()
    spoiled.flat[3] = np.nan
    with pytest.raises(ValueError, match=rf"channel 1: {name}\["):
        weighted(**{**SPLINE, name: [spoiled]})
    with pytest.raises(ValueError, match=f"channel 1: {name}: . dimensions? expected"):
        weighted(**{**SPLINE, name: [SPLINE[name][0][0]]})


def test_knots_that_make_no_axis():
    for knots, message in (KNOTS[::-1], "non-decreasing"), (np.zeros(12), "domain"), (KNOTS[:7], "at least 8"):
        with pytest.raises(ValueError, match=f"channel 1: channels_psf_3d_xtangents.*{message}"):
            weighted(**{**SPLINE, "channels_psf_3d_xtangents": [knots]})


@pytest.mark.parametrize("shape", [(3, 0, 7), (3, 7, 0), (0, 0, 7), (0, 7, 0)])
def test_crops_without_pixels(shape):
    empty = np.empty(shape, np.float32)
    for call in (weighted, unweighted):
        with pytest.raises(ValueError, match="channel 2: crops: (height|width) is 0, at least 1 pixel expected"):
            call([CROPS, empty])


@pytest.mark.parametrize(
    "crops, message",
    [
        ([], "crops has 0 stacks, at least 1 expected"),
        (7, "crops is 7, a sequence with one stack per channel expected"),
        ([None], "channel 1: crops: "),
        (CROPS, r"channel 1: crops: 3 dimensions expected, found shape \(7, 7\)"),
        ([CROPS, CROPS[0]], r"channel 2: crops: 3 dimensions expected, found shape \(7, 7\)"),
        ([CROPS.astype(complex)], "channel 1: crops: numbers expected, found complex128"),
        ([[["a"]]], "channel 1: crops: numbers expected"),
    ],
)
def test_crops_that_are_no_stacks(crops, message):
    with pytest.raises(ValueError, match=message):
        lumicrop.integrate_crop(crops, channels_weighted_integrations=False)


@pytest.mark.parametrize(
    "name, model",
    [("channels_psf_sigmas_nm", "isogauss"), ("channels_psf_xsigmas_nm", "gauss"), ("channels_psf_ysigmas_nm", "gauss")],
)
def test_a_psf_width_that_no_one_states(name, model):
    for value in (np.nan, [None]):
        with pytest.raises(ValueError, match=f"channel 1: {name} is nan"):
            weighted(**{name: value, "channels_fit_models": model})
    assert np.isfinite(weighted(**{name: np.nan, "channels_fit_models": model}, sigma_fit=np.ones(N))[0]).all()


def test_every_refusal_is_an_error_of_lumicrop_too():
    with pytest.raises(lumicrop.InvalidArgument) as raised:
        weighted(channels_gains=0)
    assert isinstance(raised.value, ValueError) and isinstance(raised.value, lumicrop.Error) and raised.value.status == 1
