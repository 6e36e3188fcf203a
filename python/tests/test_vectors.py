"""All vectors that the seed computed, every row, through the drop-in and through the native call."""

import numpy as np
import pytest

import lumicrop
from oracle import assert_agrees, assert_seed_agrees
from vectors import NAMES, Vector


@pytest.fixture(params=NAMES)
def vector(request, oracle_folder):
    return Vector.load(oracle_folder, request.param)


def drop_in(vector, **changes):
    arguments = {**vector.keywords, **vector.columns, **vector.spline_keywords, **changes}
    return lumicrop.integrate_crop(vector.crops, *vector.origins, **arguments)


def native_channels(vector, **changes):
    return [
        lumicrop.Channel(
            crops,
            method="filter" if vector.weighted(k) else "sum",
            model=vector.model(k),
            pixel_nm=vector.pixel(k),
            gain=vector.setting("channels_gains", k, 1.0),
            qe=vector.setting("channels_QE", k, 1.0),
            psf_sigma_nm=vector.setting("channels_psf_sigmas_nm", k, 93.8),
            psf_sigma_x_nm=vector.setting("channels_psf_xsigmas_nm", k, 93.8),
            psf_sigma_y_nm=vector.setting("channels_psf_ysigmas_nm", k, 93.8),
            psf_theta_deg=vector.setting("channels_psf_thetas_deg", k, 0.0),
            spline=vector.spline(k) and lumicrop.Spline(*vector.spline(k)),
            **changes,
        )
        for k, crops in enumerate(vector.crops)
    ]


def test_the_folder_holds_these_vectors_and_no_others(oracle_folder):
    assert sorted(NAMES) == sorted(path.stem for path in oracle_folder.glob("*.npz"))


def test_the_formulas_give_what_the_seed_gave(vector):
    nan_sigma = vector.name == "isogauss_odd_columns"  # read as 1e-12 by the seed's fast math; NaN here
    for k, expected in enumerate(vector.expected):
        rows = [j for j in range(len(expected)) if not (nan_sigma and np.isnan(vector.arrays["sigma_fit"][j]))]
        expected = [expected[j] for j in rows]
        seed = {
            "photons": vector.arrays["out_intensity"][vector.positions[k]],
            "background": vector.arrays["out_background_vector"][vector.positions[k]],
            "psf_sum": vector.arrays[f"out_psf_sums_{k}"],
            "denominator": vector.arrays[f"out_weighted_denominators_{k}"],
        }
        for name, values in seed.items():
            assert_seed_agrees(values[rows], expected, name)


def test_the_drop_in_counts_every_row(vector):
    photons, info = drop_in(vector)
    assert_agrees(photons, vector.in_detection_order(vector.expected), "photons")
    assert_agrees(info["background_vector"], vector.in_detection_order(vector.expected), "background")
    for k, expected in enumerate(vector.expected):
        assert_agrees(info["psf_sums"][k], expected, "psf_sum")
        assert_agrees(info["weighted_denominators"][k], expected, "denominator")
    if all(map(vector.weighted, range(len(vector.crops)))):
        assert "border_medians" not in info
    else:
        for medians, expected, k in zip(info["border_medians"], vector.expected_medians, range(len(vector.crops))):
            assert_agrees(medians, expected, "background")
            # Of float64 borders the seed rounds each pixel, lumicrop the median: a unit in the last place may lie between.
            apart = 1 if vector.crops[k].dtype == np.float64 else 0
            np.testing.assert_array_max_ulp(medians, vector.arrays[f"out_border_medians_{k}"], apart)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_native_call_counts_given_crops(vector, dtype):
    columns = {**vector.columns, "X0": vector.origins[0], "Y0": vector.origins[1]}
    result = lumicrop.integrate(native_channels(vector), **columns, dtype=dtype)
    expected = vector.in_detection_order(vector.expected)
    for name in ("photons", "background", "psf_sum", "denominator"):
        assert_agrees(getattr(result, name), expected, name)


@pytest.mark.parametrize("padding", ["zeros", "none"])
def test_gathered_crops_give_the_bits_of_given_ones(vector, padding):
    """Crops side by side in one frame per crop, cut out again by the library, under the same padding rule."""
    n = len(vector.arrays["out_intensity"])
    columns = vector.columns
    X0, Y0 = (np.zeros(n, np.int32) if origin is None else origin for origin in vector.origins)
    given = lumicrop.integrate(native_channels(vector, padding=padding), **columns, X0=X0, Y0=Y0)

    low_x, low_y = X0.min(initial=0), Y0.min(initial=0)
    frame, channels = np.empty(n, np.int64), native_channels(vector, padding=padding)
    for k, crops in enumerate(vector.crops):
        height, width = crops.shape[1:]
        positions = vector.positions[k]
        x, y = X0[positions] - low_x, Y0[positions] - low_y
        movie = np.full((len(crops), y.max(initial=0) + height, x.max(initial=0) + width), 7, crops.dtype)
        for j, crop in enumerate(crops):
            movie[j, y[j] : y[j] + height, x[j] : x[j] + width] = crop
        frame[positions] = np.arange(len(crops))[::-1]
        channels[k].images, channels[k].crop_shape = movie[::-1], (height, width)
        channels[k].n_detections = len(crops)
    # The frames begin at the lowest origin, so that they stay small: positions move with them, in float64 exactly.
    moved = dict(columns)
    for name, shift, axis in (("x_fit", low_x, 1), ("y_fit", low_y, 0)):
        if name in columns:
            moved[name] = columns[name].astype(np.float64)
            for k, positions in enumerate(vector.positions):
                moved[name][positions] -= shift * vector.pixel(k)[axis]
    gathered = lumicrop.integrate(channels, **moved, frame=frame, X0=X0 - low_x, Y0=Y0 - low_y)
    for name in ("photons", "background", "psf_sum", "denominator"):
        np.testing.assert_array_equal(getattr(gathered, name), getattr(given, name), err_msg=name)
