"""Settings: what is said is used and named; what disagrees stops; what nobody says is assumed openly or asked for."""

from types import SimpleNamespace

import numpy as np
import pytest
from movie_files import CAMERA, write_picasso, write_raw, write_thunderstorm

from lumicrop.input_error import InputError
from lumicrop.movies import open_movie
from lumicrop.request import Request
from lumicrop.settings import resolve
from lumicrop.tables import read_table

MOVIE = np.ones((3, 20, 20), "u2")
COLUMNS = {
    "frame": [0, 1, 2],
    "x": [5.0] * 3,
    "y": [6.0] * 3,
    "sx": [1.0, 1.1, 1.2],
    "sy": [1.0, 1.3, 1.0],
    "bg": [1.0] * 3,
}


@pytest.fixture
def resolved(tmp_path):
    """Resolve a request over a Picasso movie and table whose yaml documents and columns are given."""

    def resolve_with(request=Request(), documents=({},), columns=COLUMNS, **in_movie):
        table = read_table(write_picasso(tmp_path / "locs.hdf5", *documents, **columns))
        with open_movie(write_raw(tmp_path / "movie.raw", MOVIE, **in_movie)) as movie:
            return resolve(request, movie, table)

    return resolve_with


@pytest.fixture
def thunderstorm_resolved(tmp_path):
    def resolve_with(request=Request(), **more):
        columns = {
            "frame": [1, 2, 3],
            "x__nm": [500] * 3,
            "y__nm": [600] * 3,
            "sigma__nm": [120] * 3,
            "offset__photon": [5] * 3,
        }
        columns = {name: values for name, values in (columns | more).items() if values is not None}
        table = read_table(write_thunderstorm(tmp_path / "locs.csv", **columns))
        return resolve(request, SimpleNamespace(statements=[]), table)

    return resolve_with


def test_picasso_metadata_is_used_and_its_place_named(resolved):
    settings = resolved(documents=({}, {"Box Size": 9}), **CAMERA | {"Sensitivity": 12.0, "Gain": 40, "Qe": 0.8})
    assert settings.pixel_nm.value == (100, 100) and settings.pixel_nm.source == "movie.yaml: Pixelsize"
    assert settings.gain.value == 12 / 40 and settings.gain.source == "movie.yaml: Sensitivity / Gain"
    assert settings.offset.value == 100 and settings.offset.source == "movie.yaml: Baseline"
    assert settings.size.value == (9, 9) and settings.size.source == "locs.yaml, document 2: Box Size"
    assert settings.qe.value == 1 and "photoelectrons" in settings.qe.source
    assert (settings.origin.value, settings.first_frame.value) == ("first_pixel", 0)
    assert (settings.method.value, settings.model.value, settings.padding.value) == ("filter", "gauss", "geometry")
    assert not any(setting.assumed for _, setting in settings.used())


@pytest.mark.parametrize(
    "key, value, option", [("Pixelsize", 130, "pixel_nm"), ("Baseline", 90, "offset"), ("Sensitivity", 0.6, "gain")]
)
def test_sources_that_disagree_stop_the_run_until_the_option_is_given(resolved, key, value, option):
    with pytest.raises(InputError) as caught:
        resolved(documents=({key: value},), **CAMERA)
    text = str(caught.value)
    assert f"movie.yaml: {key}" in text and f"locs.yaml: {key}" in text and f"--{option.replace('_', '-')}" in text
    setting = getattr(resolved(Request(**{option: 7.0}), documents=({key: value},), **CAMERA), option)
    expected = (7.0, 7.0) if option == "pixel_nm" else 7.0
    assert (setting.value, setting.source, setting.assumed) == (expected, "given", False)


def test_sources_that_agree_are_all_named(resolved):
    settings = resolved(documents=({"Camera.Pixelsize": 100}, {"Pixelsize": 100.0}), **CAMERA)
    assert (
        settings.pixel_nm.source
        == "movie.yaml: Pixelsize; locs.yaml, document 1: Camera.Pixelsize; locs.yaml, document 2: Pixelsize"
    )


def test_a_pixel_size_that_the_run_does_not_use_cannot_stop_it(resolved):
    settings = resolved(Request(method="sum"), documents=({"Pixelsize": 130},), **CAMERA)
    assert settings.pixel_nm.value is None and "pixel_nm" not in dict(settings.used())


def test_what_nobody_says_is_assumed_and_marked(thunderstorm_resolved):
    settings = thunderstorm_resolved(Request(pixel_nm=100.0))
    assumed = {name: setting.value for name, setting in settings.used() if setting.assumed}
    assert assumed == {"gain": 1.0, "offset": 0.0, "qe": 1.0, "size": (9, 9)}  # 2 ceil(3 x 1.2) + 1
    assert (settings.model.value, settings.origin.value, settings.first_frame.value) == ("isogauss", "pixel_corner", 1)


def test_the_pixel_size_is_never_assumed(thunderstorm_resolved):
    for method in ("filter", "sum"):
        with pytest.raises(InputError, match="give --pixel-nm"):
            thunderstorm_resolved(Request(method=method))


@pytest.mark.parametrize(
    "request_, missing, expected",
    [
        (Request(pixel_nm=100.0), "sigma__nm", "no PSF width: give --sigma-nm, or count with --method sum"),
        (Request(pixel_nm=100.0), "offset__photon", 'no background (column "offset [photon]")'),
        (Request(pixel_nm=100.0, method="sum"), "sigma__nm", "give --size"),
    ],
)
def test_a_column_that_is_needed_is_asked_for(thunderstorm_resolved, request_, missing, expected):
    with pytest.raises(InputError) as caught:
        thunderstorm_resolved(request_, **{missing: None})
    assert expected in str(caught.value)


def test_a_given_sigma_stands_in_for_the_column_and_sets_the_size(thunderstorm_resolved):
    settings = thunderstorm_resolved(Request(pixel_nm=100.0, sigma_nm=150.0), sigma__nm=None)
    assert settings.sigma.value == 150 and settings.size.value == (11, 11) and settings.model.value == "isogauss"


def test_the_crop_follows_the_median_width_and_ignores_what_is_no_number(resolved):
    columns = COLUMNS | {"sx": [np.nan, 1.1, 2.2], "sy": [1.0, 1.3, 1.9]}
    assert resolved(columns=columns, **CAMERA).size.value == (13, 13)  # of 1.3 and 2.2: 1.75, 2 ceil(5.25) + 1
    assert resolved(columns=COLUMNS | {"sx": [0.1] * 3, "sy": [0.1] * 3}, **CAMERA).size.value == (5, 5)
    with pytest.raises(InputError, match="sigma of 100 px would need crops of 601 px"):
        resolved(columns=COLUMNS | {"sx": [100.0] * 3}, **CAMERA)


@pytest.mark.parametrize(
    "request_, expected",
    [
        (Request(gain=0.0), "--gain is 0"),
        (Request(gain=float("nan")), "--gain is nan"),
        (Request(qe=-1.0), "--qe is -1"),
        (Request(offset=float("inf")), "--offset is inf"),
        (Request(pixel_nm=-100.0), "--pixel-nm is -100"),
        (Request(sigma_nm=0.0), "--sigma-nm is 0"),
        (Request(size=(0, 7)), "--size is 0x7"),
        (Request(method="guess"), "--method is 'guess'"),
        (Request(model="spline"), "--spline FILE.npz"),
        (Request(model="gauss", spline="psf.npz"), "--spline needs --model spline"),
    ],
)
def test_an_impossible_value_is_refused_by_its_option(resolved, request_, expected):
    with pytest.raises(InputError) as caught:
        resolved(request_, **CAMERA)
    assert expected in str(caught.value)


def test_an_impossible_value_in_a_file_is_refused_by_its_place(resolved):
    with pytest.raises(InputError, match=r"movie.yaml: Sensitivity / Gain\), expected a finite number above 0"):
        resolved(**CAMERA | {"Sensitivity": 0})
    with pytest.raises(InputError, match="Box Size is 7.5"):
        resolved(documents=({"Box Size": 7.5},), **CAMERA)


def test_only_angles_that_the_table_does_not_state_are_assumed(resolved, thunderstorm_resolved):
    assert not resolved(**CAMERA).psf_angle_deg.assumed
    widths = {"sigma__nm": None, "sigma1__nm": [120] * 3, "sigma2__nm": [140] * 3}
    settings = thunderstorm_resolved(Request(pixel_nm=100.0), **widths)
    assert settings.model.value == "gauss" and settings.psf_angle_deg.assumed
