"""`integrate_movie`: files or arrays in, a data frame out, equal to what the command writes."""

import threading

import numpy as np
import pandas
import pytest
from movie_files import CAMERA, Sample, command, read_locs, write_raw

import lumicrop

PLAIN = {"unit": "px", "origin": "first_pixel", "first_frame": 0}
COLUMNS = {"x": "x", "y": "y", "frame": "frame", "sigma_x": "sx", "sigma_y": "sy", "background": "bg"}
KNOWN = {"pixel_nm": 100, "gain": 0.5, "offset": 100, "size": 7, "check_origin": False}


@pytest.fixture
def sample(tmp_path):
    made = Sample(tmp_path)
    return made, made.movie_path, made.table_path


def test_a_movie_and_a_table_give_the_tables_rows_with_photons(sample):
    made, movie, table = sample
    data = lumicrop.integrate_movie(movie, table, size=7, check_origin=False)
    command("integrate", movie, table, "--size", 7, "--no-plot")
    written = read_locs(table.with_name("locs_lumicrop.hdf5"))
    assert list(data.columns) == list(written.dtype.names) and len(data) == made.n
    for name in data.columns[:-1]:
        np.testing.assert_array_equal(data[name], written[name], err_msg=name)
    assert data["lumicrop_reason"].tolist() == [reason.decode() for reason in written["lumicrop_reason"]]
    assert data.attrs["lumicrop"]["gain"] == {"value": 0.5, "source": "movie.yaml: Sensitivity / Gain", "assumed": False}


def test_a_data_frame_is_a_table_once_its_columns_are_named(sample):
    made, movie, table = sample
    given = pandas.DataFrame(made.columns, index=np.arange(made.n) + 7)
    data = lumicrop.integrate_movie(made.movie, given, columns=COLUMNS, **PLAIN, **KNOWN)
    expected = lumicrop.integrate_movie(movie, table, size=7, check_origin=False)
    np.testing.assert_array_equal(data["lumicrop_photons"], expected["lumicrop_photons"])
    assert data.index.tolist() == given.index.tolist() and list(given.columns) == list(made.columns)
    with pytest.raises(lumicrop.InputError, match="origin"):
        lumicrop.integrate_movie(made.movie, given, columns=COLUMNS, unit="px", first_frame=0, **KNOWN)


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
def test_arrays_are_movies(sample, kind):
    made, _, table = sample
    array = made.movie
    if kind == "dask":
        array = pytest.importorskip("dask.array").from_array(made.movie, chunks=(4, 10, -1))
    elif kind == "zarr":
        array = pytest.importorskip("zarr").array(made.movie, chunks=(4, 10, 37))
    data = lumicrop.integrate_movie(array, table, **KNOWN)
    expected = lumicrop.integrate_movie(made.movie_path, table, size=7, check_origin=False)
    np.testing.assert_array_equal(data["lumicrop_photons"], expected["lumicrop_photons"])


def test_dask_blocks_are_read_one_at_a_time(sample):
    made, _, table = sample
    dask = pytest.importorskip("dask.array")
    at_once, most, lock = 0, 0, threading.Lock()

    def block(block_info=None):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        (first, last), *_ = block_info[None]["array-location"]
        frames = made.movie[first:last]
        with lock:
            at_once -= 1
        return frames

    array = dask.map_blocks(block, chunks=((5,) * 6, (24,), (37,)), dtype="u2", meta=np.empty((0, 0, 0), "u2"))
    data = lumicrop.integrate_movie(array, table, **KNOWN)
    assert most == 1 and np.isfinite(data["lumicrop_photons"]).sum() > 150


def test_positions_off_the_light_are_warned_of_and_nothing_is_changed(tmp_path):
    random = np.random.default_rng(2)
    n, side = 300, 64
    x, y = random.uniform(8, side - 8, (2, n))
    frame = np.arange(n) // 5
    rows, columns = np.mgrid[:side, :side]
    light = np.full((60, side, side), 20.0)
    for t, cx, cy in zip(frame, x, y):
        light[t] += 3000 * np.exp(-((columns - cx) ** 2 + (rows - cy) ** 2) / 2 / 1.3**2) / (2 * np.pi * 1.3**2)
    movie = random.poisson(light).astype("u2")
    table = pandas.DataFrame({"frame": frame, "x": x + 0.5, "y": y + 0.5})
    options = {"method": "sum", "size": 9, "columns": {"x": "x", "y": "y", "frame": "frame"}, "unit": "px", "first_frame": 0}
    with pytest.warns(UserWarning, match="try --origin pixel_corner"):
        wrong = lumicrop.integrate_movie(movie, table, origin="first_pixel", **options)
    right = lumicrop.integrate_movie(movie, table, origin="pixel_corner", **options)
    assert not np.array_equal(wrong["lumicrop_photons"], right["lumicrop_photons"])


def test_strict_and_unknown_formats_raise_one_sentence(sample, tmp_path):
    _, movie, table = sample
    with pytest.raises(lumicrop.InputError, match="--strict refuses"):
        lumicrop.integrate_movie(movie, table, size=7, strict=True, check_origin=False)
    with pytest.raises(FileNotFoundError):
        lumicrop.integrate_movie(tmp_path / "absent.tif", table)
    (tmp_path / "notes.txt").write_text("nothing to see\n")
    with pytest.raises(lumicrop.InputError, match="--columns"):
        lumicrop.read_table(tmp_path / "notes.txt")


def test_an_open_movie_and_a_read_table_stay_the_callers(sample):
    made, movie, table = sample
    with lumicrop.open_movie(movie) as opened:
        read = lumicrop.read_table(table)
        first = lumicrop.integrate_movie(opened, read, size=7, check_origin=False)
        second = lumicrop.integrate_movie(opened, read, size=7, check_origin=False)
        assert first.equals(second) and opened.read(0, 1).shape == (1, 24, 37)


def test_progress_and_small_parts(sample):
    made, movie, table = sample
    done = []
    data = lumicrop.integrate_movie(movie, table, size=7, check_origin=False, chunk_bytes=1, progress=done.append)
    assert done == sorted(done) and done[-1] == made.n and len(done) > 20
    assert np.isfinite(data["lumicrop_photons"]).sum() > 150


def test_a_picture_is_a_movie_of_one_frame(tmp_path):
    picture = np.random.default_rng(1).integers(90, 110, (30, 40)).astype("u2")
    table = pandas.DataFrame({"x": [10.0, 20], "y": [12.0, 8]})
    options = {"columns": {"x": "x", "y": "y"}, **PLAIN, "method": "sum", "size": 5, "check_origin": False}
    data = lumicrop.integrate_movie(picture, table, **options)
    path = write_raw(tmp_path / "movie.raw", picture[None], **CAMERA | {"Sensitivity": 1, "Baseline": 0})
    same = lumicrop.integrate_movie(path, table, **options)
    np.testing.assert_array_equal(data["lumicrop_photons"], same["lumicrop_photons"])


def test_sizes_are_numbers_or_pairs(sample):
    _, movie, table = sample
    one = lumicrop.integrate_movie(movie, table, size=7, pixel_nm=100, check_origin=False)
    two = lumicrop.integrate_movie(movie, table, size=[7, 7], pixel_nm=np.array([100, 100]), check_origin=False)
    assert one.equals(two)
    for wrong in ({"size": 7.5}, {"size": (1, 2, 3)}, {"pixel_nm": "wide"}):
        with pytest.raises(lumicrop.InputError, match="expected a number or a pair"):
            lumicrop.integrate_movie(movie, table, check_origin=False, **wrong)
