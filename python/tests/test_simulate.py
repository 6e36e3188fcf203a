"""Simulated movies: what is drawn is what is promised, and the truth beside it is true."""

import ast
import csv
import inspect
import math

import numpy as np
import pytest
import tifffile
import yaml
from movie_files import folder_content, read_locs

from lumicrop import simulate
from lumicrop.input_error import InputError
from lumicrop.movies import open_movie
from lumicrop.simulate import Scene, draw_frames, draw_truth
from lumicrop.simulated_files import write_simulation
from lumicrop.tables import read_table

SMALL = {"frames": 40, "size": (40, 50), "molecules": 80}


def test_molecules_of_a_frame_keep_their_distance_and_the_edge():
    scene = Scene(**SMALL)
    truth = draw_truth(scene)
    assert np.bincount(truth.frame).tolist() == [2] * 40
    assert truth.x.min() >= scene.margin and truth.x.max() <= 49 - scene.margin
    assert truth.y.min() >= scene.margin and truth.y.max() <= 39 - scene.margin
    distances = np.hypot(truth.x[::2] - truth.x[1::2], truth.y[::2] - truth.y[1::2])
    assert distances.min() >= 2 * scene.margin


def test_the_photons_have_the_mean_and_spread_asked_for():
    truth = draw_truth(Scene(frames=4000, molecules=4000, photons=1500.0, photons_spread=0.4))
    assert truth.photons.mean() == pytest.approx(1500, rel=5 * 0.4 / math.sqrt(4000))
    assert truth.photons.std() / truth.photons.mean() == pytest.approx(0.4, rel=0.1)
    assert (draw_truth(Scene(photons_spread=0.0)).photons == 2000).all()


def test_the_camera_turns_light_into_counts_as_documented():
    """Mean and variance of every pixel's counts, within 6 standard errors, against an integral by fine steps."""
    n, scene = (
        3000,
        Scene(frames=3000, size=(15, 15), molecules=0, background=12.0, gain=0.4, offset=90.0, qe=0.7, read_noise=2.0),
    )
    truth = draw_truth(Scene(frames=1, size=(15, 15), molecules=1))
    truth = type(truth)(np.arange(n), np.full(n, truth.x[0]), np.full(n, truth.y[0]), np.full(n, 500.0))
    frames = np.stack(list(draw_frames(scene, truth))).astype(float)
    fine = (np.arange(15 * 100) + 0.5) / 100 - 0.5  # 100 steps a pixel, from the first pixel's edge
    profile = [
        np.exp(-((fine - centre) ** 2) / (2 * 1.3**2)).reshape(15, 100).sum(1) / 100
        for centre in (truth.y[0], truth.x[0])
    ]
    light = 12 + 500 * np.outer(*profile) / (2 * math.pi * 1.3**2)
    variance = (0.7 * light + 2.0**2) / 0.4**2 + 1 / 12  # and rounding
    assert (np.abs(frames.mean(0) - (90 + 0.7 * light / 0.4)) < 6 * np.sqrt(variance / n)).all()
    assert (np.abs(frames.var(0) / variance - 1) < 6 * math.sqrt(2.2 / n)).all()


def test_the_same_seed_gives_the_same_movie_and_another_another():
    def movie(seed):
        scene = Scene(**SMALL, seed=seed)
        return np.stack(list(draw_frames(scene, draw_truth(scene))))

    np.testing.assert_array_equal(movie(3), movie(3))
    assert (movie(3) != movie(4)).mean() > 0.5


def test_a_raw_movie_and_its_picasso_table_tell_the_same_story(tmp_path):
    scene = Scene(**SMALL, qe=0.5)
    assert write_simulation(tmp_path / "movie.raw", scene) == tmp_path / "movie_truth.hdf5"
    truth = draw_truth(scene)
    with open_movie(tmp_path / "movie.raw") as movie:
        np.testing.assert_array_equal(movie.read(0, 40), np.stack(list(draw_frames(scene, truth))))
        assert {said.quantity: said.value for said in movie.statements} == {"pixel_nm": 100, "offset": 100, "gain": 0.5}
    locs = read_locs(tmp_path / "movie_truth.hdf5")
    np.testing.assert_allclose(locs["photons"], truth.photons * 0.5, rtol=1e-6)  # photoelectrons, as Picasso means it
    np.testing.assert_allclose([locs["x"], locs["y"]], [truth.x, truth.y], rtol=1e-6)
    assert (locs["bg"] == 10).all() and np.allclose(locs["sx"], 1.3)
    assert yaml.safe_load((tmp_path / "movie_truth.yaml").read_text())["Seed"] == 1


def test_a_tiff_movie_and_its_thunderstorm_table_tell_the_same_story(tmp_path):
    scene = Scene(**SMALL, qe=0.5, pixel_nm=130.0)
    write_simulation(tmp_path / "movie.tif", scene)
    truth = draw_truth(scene)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "movie.tif"), np.stack(list(draw_frames(scene, truth))))
    with open_movie(tmp_path / "movie.tif") as movie:
        assert [(said.quantity, said.value) for said in movie.statements] == [
            ("pixel_nm", pytest.approx(130, abs=1e-3))
        ]
    table = read_table(tmp_path / "movie_truth.csv")
    np.testing.assert_allclose(table.to_px(table.x, 130.0) - 0.5, truth.x, atol=1e-6)
    np.testing.assert_allclose(table.photons, truth.photons, atol=1e-5)
    assert (table.frame == truth.frame).all() and (table.background == 20).all()
    assert next(csv.reader((tmp_path / "movie_truth.csv").read_text().splitlines()))[1:4] == [
        "frame",
        "x [nm]",
        "y [nm]",
    ]


def test_beyond_4_gb_the_tiff_is_one_that_can_hold_it(tmp_path, monkeypatch):
    monkeypatch.setattr("lumicrop.simulated_files._IMAGEJ_BYTES", 1000)
    write_simulation(tmp_path / "movie.tif", Scene(**SMALL))
    with tifffile.TiffFile(tmp_path / "movie.tif") as tiff:
        assert tiff.is_bigtiff and tiff.is_ome
    with open_movie(tmp_path / "movie.tif") as movie:
        assert movie.shape == (40, 40, 50)
        assert [(said.quantity, said.value) for said in movie.statements] == [("pixel_nm", 100.0)]


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"frames": 0}, "--frames is 0"),
        ({"photons": -1.0}, "--photons is -1"),
        ({"gain": float("nan")}, "--gain is nan"),
        ({"read_noise": -0.1}, "--read-noise is -0.1"),
        ({"size": (8, 8)}, "--size is 8x8"),
        ({"frames": 1, "molecules": 50}, "50 molecules do not fit apart into 1 frames of 40 x 50 px"),
    ],
)
def test_an_impossible_scene_is_refused(tmp_path, changes, expected):
    with pytest.raises(InputError) as caught:
        write_simulation(tmp_path / "movie.raw", Scene(**SMALL | changes))
    assert expected in str(caught.value)
    assert folder_content(tmp_path) == {}


def test_files_that_would_be_each_others_are_refused(tmp_path):
    for movie, table in (("movie.avi", None), ("movie.raw", "truth.txt"), ("movie.raw", "movie.hdf5")):
        with pytest.raises(InputError):
            write_simulation(tmp_path / movie, Scene(**SMALL), table=table and tmp_path / table)
    assert folder_content(tmp_path) == {}


def test_the_simulator_stands_apart_from_the_library():
    """It judges the library, so it must not compute with it."""
    imports = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(simulate)))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    modules = {
        node.module if isinstance(node, ast.ImportFrom) else name.name for node in imports for name in node.names
    }
    assert modules == {"__future__", "collections.abc", "dataclasses", "input_error", "math", "numpy"}
