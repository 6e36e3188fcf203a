"""A run's settings as a file: what is read back is what was used, and a wrong line is named."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from movie_files import UNHURRIED

from lumicrop.input_error import InputError
from lumicrop.request import VALUES, Request
from lumicrop.settings import Setting
from lumicrop.settings_file import read_settings, settings_text


def used(**values):
    """Settings of which only these are used."""
    everything = {name: Setting(None, "") for name in (*VALUES, "sigma")}
    return SimpleNamespace(**everything | {name: Setting(value, "given") for name, value in values.items()})


def saved(path, request=Request(), movie="movie.tif", table="locs.csv", **values):
    path.write_text(settings_text(path.parent, movie, table, request, used(**values)), encoding="utf-8")
    return read_settings(path)


def test_what_was_used_is_read_back(tmp_path):
    path = tmp_path / "run.settings.yaml"
    values = {
        "method": "filter", "model": "gauss", "size": (7, 9), "pixel_nm": (127.0, 117.0), "gain": 0.1, "offset": -3.5, "qe": 0.9,
        "origin": "pixel_corner", "first_frame": 1, "swap_xy": True, "padding": "geometry",
    }  # fmt: skip
    run = saved(path, Request(columns={"x": "x, [px]", "y": "y"}, unit="px", first_pixel_at=1.0), **values, sigma=130.5, background=20.0)
    expected = values | {"sigma_nm": 130.5, "background": 20.0, "columns": {"x": "x, [px]", "y": "y"}, "unit": "px", "first_pixel_at": 1.0}
    assert run.request.said() == expected
    assert run.request.source_of("gain") == "run.settings.yaml"


def test_a_square_pixel_is_one_number_and_widths_of_the_table_stay_the_tables(tmp_path):
    path = tmp_path / "run.yaml"
    run = saved(path, pixel_nm=(100.0, 100.0), sigma="table")
    assert run.request.said() == {"pixel_nm": 100.0} and "sigma" not in path.read_text()


def test_files_are_named_from_the_settings_folder(tmp_path):
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "run.yaml"
    run = saved(path, movie=str(tmp_path / "movie.h5") + "::/entry/data", table=str(tmp_path / "in" / "locs.csv"), model="spline",
                spline=tmp_path / "psf.npz")  # fmt: skip
    lines = yaml.safe_load(path.read_text())
    assert lines["movie"] == "../movie.h5::/entry/data" and lines["table"] == "../in/locs.csv"
    assert lines["spline"] == "../psf.npz"
    assert run.movie == str(path.parent / "../movie.h5") + "::/entry/data"
    assert run.request.spline.resolve() == tmp_path / "psf.npz"


def test_what_is_given_has_precedence_and_keeps_its_source(tmp_path):
    run = saved(tmp_path / "run.yaml", gain=0.5, offset=100.0)
    request = Request(gain=2.0).over(run.request)
    assert (request.gain, request.offset) == (2.0, 100.0)
    assert (request.source_of("gain"), request.source_of("offset")) == ("given", "run.yaml")


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("gian: 1", "there is no setting 'gian'"),
        ("gain: high", "gain is 'high', expected a number"),
        ("gain: true", "gain is True, expected a number"),
        ("gain: .nan", "gain is nan, expected a number"),
        ("size: nine", "size is 'nine', expected a whole number, or [rows, columns]"),
        ("size: [7, 7.5]", "expected a whole number, or [rows, columns]"),
        ("pixel_nm: [1, 2, 3]", "expected a number, or [y, x]"),
        ("first_frame: 0.5", "expected a whole number"),
        ("columns: [x, y]", "expected a list of 'quantity: column name' lines"),
        ("movie: 3", "movie is 3, expected the name of a file"),
        ("- a\n- b", "every document must be a list of 'key: value' lines"),
        ("a: 1\n---\nb: 2", "this is no file of settings"),
        ("", "this is no file of settings"),
    ],
)
def test_a_line_that_cannot_be_is_named(tmp_path, text, complaint):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        read_settings(path)
    assert complaint in str(refused.value) and str(refused.value).startswith(str(path))


@UNHURRIED
@given(st.binary(max_size=200))
def test_no_file_is_read_with_a_crash(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("settings") / "run.yaml"
    path.write_bytes(content)
    try:
        read_settings(path)
    except InputError as refused:
        assert "\n" not in str(refused) or path.name in str(refused)


@UNHURRIED
@given(st.floats(allow_nan=False, allow_infinity=False), st.text(min_size=1))
def test_numbers_and_names_survive_to_the_last_digit(tmp_path_factory, number, name):
    folder = tmp_path_factory.mktemp("settings")
    run = saved(folder / "run.yaml", Request(columns={"x": name}), offset=number)
    assert run.request.offset == number and math.copysign(1, run.request.offset) == math.copysign(1, number)
    assert run.request.columns == {"x": name}


def test_a_size_may_be_one_number(tmp_path):
    (tmp_path / "run.yaml").write_text("size: 9\n")
    assert read_settings(tmp_path / "run.yaml").request.size == (9, 9)


def test_files_are_found_again_from_a_folder_behind_a_link(tmp_path):
    """The system goes back from a linked folder to where that really lies."""
    (tmp_path / "real" / "deep" / "out").mkdir(parents=True)
    (tmp_path / "movies").mkdir()
    movie = tmp_path / "movies" / "movie.tif"
    movie.touch()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "deep" / "out")
    run = saved(tmp_path / "link" / "run.yaml", movie=str(movie))
    assert Path(run.movie).samefile(movie)
