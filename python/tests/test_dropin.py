"""The drop-in: signature, defaults, kinds of input, `info`, look-ups, and its known departures from the seed."""

import inspect
import types

import numpy as np
import pandas as pd
import pytest

import lumicrop
import oracle

integrate_crop = lumicrop.integrate_crop
N = 6


def crops_of(n=N, size=7, seed=11, dtype=np.float32):
    return np.random.default_rng(seed).poisson(100, (n, size, size)).astype(dtype)


def columns_of(n=N, size=7, seed=12):
    rng = np.random.default_rng(seed)
    X0, Y0 = rng.integers(0, 200, (2, n))
    return (X0, Y0), {
        "x_fit": (X0 + size / 2) * 100 + rng.normal(0, 20, n),
        "y_fit": (Y0 + size / 2) * 100 + rng.normal(0, 20, n),
        "os_fit": rng.uniform(90, 110, n),
        "sigma_fit": rng.uniform(90, 150, n),
    }


def assert_same(one, other):
    """Two answers of the drop-in, bit for bit."""
    np.testing.assert_array_equal(one[0], other[0])
    assert one[1].keys() == other[1].keys()
    np.testing.assert_array_equal(one[1]["background_vector"], other[1]["background_vector"])
    for key in ("psf_sums", "weighted_denominators", "border_medians"):
        for a, b in zip(one[1].get(key, ()), other[1].get(key, ()), strict=True):
            np.testing.assert_array_equal(a, b)


# ------------------------------------------------------------------------------------------------------------ signature


def test_signature_and_defaults_are_the_seed_s():
    parameters = inspect.signature(integrate_crop).parameters
    kinds = {name: p.kind.name for name, p in parameters.items()}
    assert [name for name, kind in kinds.items() if kind == "POSITIONAL_ONLY"] == ["crops", "X0", "Y0"]
    assert [name for name, kind in kinds.items() if kind == "POSITIONAL_OR_KEYWORD"] == ["ch"]
    assert {name: p.default for name, p in parameters.items() if kinds[name] == "KEYWORD_ONLY"} == {
        **dict.fromkeys(
            [
                "x_fit",
                "y_fit",
                "z_fit",
                "os_fit",
                "sigma_fit",
                "sigma_x_fit",
                "sigma_y_fit",
                "sigma_angle",
                "channels_psf_3d_xtangents",
                "channels_psf_3d_ytangents",
                "channels_psf_3d_ztangents",
                "channels_psf_3d_spline_coeffs",
                "locs",
                "config",
            ]
        ),
        "channels_weighted_integrations": True,
        "channels_fit_models": "isogauss",
        "channels_pixels_nm": 1.0,
        "channels_gains": 1.0,
        "channels_QE": 1.0,
        "channels_psf_sigmas_nm": 0.21 * 670 / 1.5,
        "channels_psf_xsigmas_nm": 0.21 * 670 / 1.5,
        "channels_psf_ysigmas_nm": 0.21 * 670 / 1.5,
        "channels_psf_thetas_deg": 0.0,
        "cuda": False,
        "parallel": False,
        "df_name": "detections",
    }


def test_what_the_signature_does_not_have_is_refused():
    with pytest.raises(TypeError, match="channels_gain"):
        integrate_crop([crops_of()], channels_gain=2, channels_weighted_integrations=False)
    with pytest.raises(TypeError):
        integrate_crop([crops_of()], X0=np.zeros(N), channels_weighted_integrations=False)
    with pytest.raises(TypeError, match="crops"):
        integrate_crop()


# ----------------------------------------------------------------------------------------------------------------- info


def test_info_of_mixed_channels_has_the_seed_s_keys_shapes_and_types():
    crops = [crops_of(3), crops_of(2, size=9)]
    photons, info = integrate_crop(
        crops,
        np.zeros(5),
        np.zeros(5),
        [2, 1, 1, 2, 1],
        x_fit=np.full(5, 3.0),
        y_fit=np.full(5, 3.0),
        os_fit=np.full(5, 100.0),
        channels_weighted_integrations=[True, 0],
        channels_fit_models="IsoGauss",
    )
    assert list(info) == [
        "channels_weighted_integrations",
        "channels_fit_models",
        "channels_pixels_nm",
        "psf_sums",
        "weighted_denominators",
        "background_vector",
        "border_medians",
    ]
    assert info["channels_weighted_integrations"] == [True, False] and info["channels_weighted_integrations"][1] is False
    assert info["channels_fit_models"] == ["isogauss", "isogauss"]
    assert info["channels_pixels_nm"] == [(1.0, 1.0), (1.0, 1.0)]
    for key in ("psf_sums", "weighted_denominators", "border_medians"):
        assert type(info[key]) is list
        assert [(column.dtype, column.shape) for column in info[key]] == [(np.float32, (3,)), (np.float32, (2,))]
    for key in ("psf_sums", "weighted_denominators"):
        assert np.isfinite(info[key][0]).all() and np.isnan(info[key][1]).all()
    assert (photons.dtype, photons.shape) == (np.float32, (5,))
    assert (info["background_vector"].dtype, info["background_vector"].shape) == (np.float32, (5,))
    np.testing.assert_array_equal(info["background_vector"][[1, 2, 4]], 100)
    np.testing.assert_array_equal(info["background_vector"][[0, 3]], info["border_medians"][1])


def test_border_medians_of_weighted_channels_come_with_an_unweighted_one_only():
    """By the very same rule as where the channel is unweighted itself."""
    crops, (origins, columns) = [crops_of(N), crops_of(4)], columns_of(N + 4)
    crops[0][0, 0, :] = 0  # padding
    mixed = integrate_crop(crops, *origins, **columns, channels_weighted_integrations=[True, False])[1]
    plain = integrate_crop(crops, channels_weighted_integrations=False)[1]
    for a, b in zip(mixed["border_medians"], plain["border_medians"], strict=True):
        np.testing.assert_array_equal(a, b)
    assert "border_medians" not in integrate_crop(crops, *origins, **columns)[1]


@pytest.mark.parametrize(
    "pixels, due",
    [
        (120, [(120, 120)] * 3),
        ((100, 120), [(100, 120)] * 3),
        ([(1, 2), (3, 4), (5, 6)], [(1, 2), (3, 4), (5, 6)]),
        (np.array([[1.0, 2], [3, 4], [5, 6]]), [(1, 2), (3, 4), (5, 6)]),
        (np.float32(2), [(2, 2)] * 3),
    ],
)
def test_pixel_sizes_are_normalised_to_one_entry_a_channel(pixels, due):
    info = integrate_crop([crops_of(1)] * 3, channels_weighted_integrations=False, channels_pixels_nm=pixels)[1]
    assert [tuple(pixel) for pixel in info["channels_pixels_nm"]] == due


def test_the_columns_of_info_share_no_memory():
    _, info = integrate_crop([crops_of(), crops_of()], channels_weighted_integrations=False)
    before = info["background_vector"].copy()
    for medians in info["border_medians"]:
        medians[:] = -1
    np.testing.assert_array_equal(info["background_vector"], before)


# ---------------------------------------------------------------------------------------------------------------- input


def test_columns_may_be_arrays_flat_lists_series_or_one_array_per_channel():
    crops, ((X0, Y0), columns) = [crops_of(4), crops_of(2)], columns_of(6)
    for ch in (None, np.array([1, 2, 1, 1, 2, 1], np.uint8)):
        due = integrate_crop(crops, X0, Y0, ch, **columns, channels_pixels_nm=100)
        positions = [np.arange(4), np.arange(4, 6)] if ch is None else [np.flatnonzero(ch == k) for k in (1, 2)]
        kinds = {
            "flat list": lambda v: v.tolist(),
            "flat tuple": lambda v: tuple(v),
            "series": lambda v: pd.Series(v, index=range(9, 15)),
            "arrays": lambda v: [v[p] for p in positions],
            "tuple of lists": lambda v: tuple(v[p].tolist() for p in positions),
            "list of series": lambda v: [pd.Series(v[p]) for p in positions],
        }
        for convert in kinds.values():
            labels = None if ch is None else pd.Series(ch, index=range(5, 11))
            assert_same(
                integrate_crop(
                    crops,
                    convert(X0),
                    convert(Y0),
                    labels,
                    **{k: convert(v) for k, v in columns.items()},
                    channels_pixels_nm=100,
                ),
                due,
            )
    assert np.isfinite(due[0]).all()


@pytest.mark.parametrize("lengths", [(1,), (3,), (1, 1), (2, 1), (1, 1, 1)])
def test_flat_lists_and_lists_of_arrays_are_told_apart_where_lengths_coincide(lengths):
    """As many detections as channels: numbers are detections, arrays are channels."""
    crops = [crops_of(n, seed=n) for n in lengths]
    (X0, Y0), columns = columns_of(sum(lengths))
    due = integrate_crop(crops, X0, Y0, **columns, channels_pixels_nm=100)
    ends = np.cumsum(lengths)
    split = lambda v: [v[end - n : end].tolist() for end, n in zip(ends, lengths)]
    assert_same(
        integrate_crop(crops, X0.tolist(), Y0.tolist(), **{k: v.tolist() for k, v in columns.items()}, channels_pixels_nm=100),
        due,
    )
    assert_same(
        integrate_crop(crops, split(X0), split(Y0), **{k: split(v) for k, v in columns.items()}, channels_pixels_nm=100), due
    )


@pytest.mark.parametrize(
    "convert",
    [
        lambda c: c.tolist(),
        lambda c: c.astype("f2"),
        lambda c: c.astype("i8"),
        lambda c: c.astype(">i4"),
        lambda c: c.astype("u1"),
        lambda c: list(c),
    ],
)
def test_any_numbers_are_crops(convert):
    crops = crops_of()
    due = integrate_crop([crops], channels_weighted_integrations=False)
    assert_same(integrate_crop([convert(crops)], channels_weighted_integrations=False), due)
    assert_same(integrate_crop((convert(crops),), channels_weighted_integrations=False), due)
    assert_same(integrate_crop(np.asarray(convert(crops))[None], channels_weighted_integrations=False), due)


def test_booleans_are_crops():
    mask = crops_of() > 100
    assert_same(
        integrate_crop([mask], channels_weighted_integrations=False),
        integrate_crop([mask.astype("u1")], channels_weighted_integrations=False),
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_channels_without_detections(weighted):
    crops, (origins, columns) = crops_of(), columns_of()
    due, info = integrate_crop([crops], *origins, **columns, channels_weighted_integrations=weighted)
    for empty in (np.empty((0, 9, 9), np.float32), np.empty((0, 3, 3), np.uint16), []):
        photons, more = integrate_crop([empty, crops, empty], *origins, **columns, channels_weighted_integrations=weighted)
        np.testing.assert_array_equal(photons, due)
        for key in info.keys() & {"psf_sums", "weighted_denominators", "border_medians"}:
            assert [len(column) for column in more[key]] == [0, N, 0] and {column.dtype for column in more[key]} == {
                np.dtype("f4")
            }
            np.testing.assert_array_equal(more[key][1], info[key][0])


@pytest.mark.parametrize("weighted", [False, True])
def test_nothing_at_all_gives_nothing(weighted):
    empty, none = np.empty((0, 7, 7), np.float32), np.empty(0)
    for crops, ch in ([empty], None), ([empty, empty], None), ([empty, empty], np.empty(0, int)), ([empty], []):
        photons, info = integrate_crop(
            crops, none, [], ch, x_fit=none, y_fit=none, os_fit=[], channels_weighted_integrations=weighted
        )
        assert (photons.dtype, photons.shape) == (np.float32, (0,)) and info["background_vector"].shape == (0,)
        assert [column.shape for column in info["psf_sums"]] == [(0,)] * len(crops)


def test_columns_and_entries_that_no_channel_uses_are_not_looked_at():
    (X0, Y0), columns = columns_of()
    assert_same(
        integrate_crop(
            [crops_of()], X0, Y0, **columns, z_fit=["no", "numbers"], sigma_angle=np.zeros(99), sigma_x_fit=object()
        ),
        integrate_crop([crops_of()], X0, Y0, **columns),
    )
    assert_same(
        integrate_crop([crops_of()], "x", None, x_fit=[1, 2], os_fit={}, channels_weighted_integrations=False),
        integrate_crop([crops_of()], channels_weighted_integrations=False),
    )
    crops, ch = [crops_of(3), crops_of(3)], np.array([1, 2, 2, 1, 2, 1])
    spoiled = {name: np.where(ch == 2, np.nan, values) for name, values in columns.items()}
    settings = {"ch": ch, "channels_weighted_integrations": [True, False], "channels_psf_sigmas_nm": [93.8, None]}
    assert_same(integrate_crop(crops, X0, Y0, **spoiled, **settings), integrate_crop(crops, X0, Y0, **columns, **settings))


def test_inputs_are_left_as_they_are():
    crops, ((X0, Y0), columns) = crops_of(), columns_of()
    arrays = [crops, X0, Y0, *columns.values()]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    integrate_crop([crops], X0, Y0, **columns)
    for array, copy in zip(arrays, before):
        np.testing.assert_array_equal(array, copy)


def test_parallel_means_threads_and_changes_no_bit(monkeypatch):
    crops, ((X0, Y0), columns) = crops_of(5000), columns_of(5000)
    asked = []
    original = lumicrop._dropin.default_context
    monkeypatch.setattr(lumicrop._dropin, "default_context", lambda *options: asked.append(options) or original(*options))
    assert_same(
        integrate_crop([crops], X0, Y0, **columns, parallel=True), integrate_crop([crops], X0, Y0, **columns, parallel=False)
    )
    assert asked == [("cpu", 0), ("cpu", 1)]
    assert original("cpu", 1).info.threads == 1


# ------------------------------------------------------------------------------------------------------ locs and config


def namespace(**attributes):
    return types.SimpleNamespace(**attributes)


def test_what_is_not_given_is_looked_up_on_locs_then_on_its_config():
    (X0, Y0), columns = columns_of()
    due = integrate_crop([crops_of()], X0, Y0, **columns, channels_gains=0.5, channels_pixels_nm=100.0)
    config = namespace(channels_gains=0.5, channels_pixels_nm=100.0, os_fit="overruled by the table")
    for table in (namespace(**columns, unrelated=1), pd.DataFrame(columns)):
        assert_same(integrate_crop([crops_of()], X0, Y0, locs=namespace(detections=table, config=config)), due)
        assert_same(integrate_crop([crops_of()], X0, Y0, locs=namespace(points=table, config=config), df_name="points"), due)
        assert_same(integrate_crop([crops_of()], X0, Y0, locs=namespace(detections=table, config=config), x_fit=None), due)


def test_what_is_given_wins_over_locs_and_config_even_where_it_is_the_default():
    crops = [crops_of()]
    plain = integrate_crop(crops, channels_weighted_integrations=False)
    config = namespace(channels_gains=7.0, channels_weighted_integrations=False, ch=np.full(N, 5))
    assert_same(integrate_crop(crops, None, None, np.ones(N, int), config=config, channels_gains=1.0), plain)
    doubled = integrate_crop(crops, channels_weighted_integrations=False, channels_gains=2.0)
    assert_same(integrate_crop(crops, config=namespace(channels_weighted_integrations=False), channels_gains=2.0), doubled)
    assert_same(integrate_crop(crops, config=namespace(channels_gains=2.0), channels_weighted_integrations=False), doubled)


def test_none_counts_as_not_given():
    due = integrate_crop([crops_of()], channels_weighted_integrations=False)
    assert_same(
        integrate_crop(
            [crops_of()],
            channels_weighted_integrations=False,
            channels_gains=None,
            channels_QE=None,
            channels_pixels_nm=None,
            channels_fit_models=None,
            cuda=None,
            parallel=None,
        ),
        due,
    )
    assert_same(
        integrate_crop(
            [crops_of()], channels_gains=None, config=namespace(channels_gains=None, channels_weighted_integrations=False)
        ),
        due,
    )


def test_locs_that_count_their_time_are_told():
    locs = namespace(
        detections=namespace(), config=namespace(channels_weighted_integrations=False), times={"integrate_crop": 1.0}
    )
    integrate_crop([crops_of()], locs=locs)
    assert locs.times["integrate_crop"] > 1.0


def test_locs_and_config_together_are_refused():
    with pytest.raises(ValueError, match="locs and config"):
        integrate_crop([crops_of()], locs=namespace(), config=namespace())


# ----------------------------------------------------------------------------------- departures from the seed, on purpose


@pytest.mark.parametrize(
    "crop, background, photons",
    [
        ([[5.0]], 5, 0),  # the seed: no border, background 0, photons 5
        ([[1.0, 2, 30, 4]], 3, 25),  # the seed counts the inner pixels twice
        ([[1.0], [2], [30]], 2, 27),
    ],
)
def test_a_single_row_or_column_is_border_once(crop, background, photons):
    for stack in (np.array([crop], np.float32), np.array([crop])):
        found, info = integrate_crop([stack], channels_weighted_integrations=False)
        assert found[0] == photons and info["border_medians"][0][0] == background


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.float64])
def test_the_median_of_wide_numbers_is_exact_and_rounded_once(dtype):
    """2**24 + 1 is no float32: rounded before the median it would be lost."""
    crop = np.full((1, 3, 3), 2**24 + 1, dtype)
    crop[0, 1, 1] += 10
    photons, info = integrate_crop([crop], channels_weighted_integrations=False)
    assert photons[0] == 10 and info["border_medians"][0][0] == np.float32(2**24 + 1)
    assert lumicrop.integrate(lumicrop.Channel(crop, method="sum", gain=1, qe=1)).background[0] == 2**24 + 1


@pytest.mark.parametrize("column", ["x_fit", "y_fit", "os_fit", "sigma_fit"])
def test_a_parameter_that_is_nan_makes_its_own_detection_nan(column):
    (X0, Y0), columns = columns_of()
    due, _ = integrate_crop([crops_of()], X0, Y0, **columns, channels_pixels_nm=100)
    columns[column][2] = np.nan
    photons, info = integrate_crop([crops_of()], X0, Y0, **columns, channels_pixels_nm=100)
    assert np.isnan(photons[2])
    np.testing.assert_array_equal(np.delete(photons, 2), np.delete(due, 2))


def test_a_centre_far_outside_is_finite_while_the_crop_encloses_enough_of_the_psf():
    """1e-6 of it lies beyond 4.75 sigma."""
    n, sigma = 60, 130.0
    crops, zero = crops_of(n), np.zeros(n)
    outside = np.linspace(0, 10 * sigma, n)
    y_fit, os_fit = np.full(n, 300.0), np.full(n, 100.0)
    photons, _ = integrate_crop(
        [crops],
        zero,
        zero,
        x_fit=-50 - outside,
        y_fit=y_fit,
        os_fit=os_fit,
        channels_pixels_nm=100,
        channels_psf_sigmas_nm=sigma,
    )
    expected = oracle.channel(
        crops,
        method="filter",
        model="isogauss",
        scale=1.0,
        pixel=(100, 100),
        sigma=sigma,
        X0=zero,
        Y0=zero,
        x_fit=-50 - outside,
        y_fit=y_fit,
        os_fit=os_fit,
    )
    oracle.assert_agrees(photons, expected, "photons")
    assert [row["may_fail"] for row in expected] == sorted(row["may_fail"] for row in expected)
    assert 20 < sum(not row["may_fail"] for row in expected) < n
