"""A run warns where the movie's noise contradicts its gain: never at the right one, always at twice or half of it."""

import json
import re

import h5py
import numpy as np
import pytest
import scipy.fft
from camera_movies import Filmed
from movie_files import command, write_picasso, write_raw
from scipy.ndimage import gaussian_filter, median_filter, uniform_filter

import lumicrop
from lumicrop import check_camera
from lumicrop.camera import check_movie_camera

SCENE = Filmed()
SUGGESTS = "the movie's noise suggests"


def refuse_false_alarms_and_silence(frames, *, gain, **known):
    """What `check_camera` says of the right gain, of twice and of half."""
    right = check_camera(frames, gain=gain, **known)
    assert right.undecided == "" and right.warnings == (), right
    for factor in (2, 0.5):
        (warning,) = check_camera(frames, gain=factor * gain, **known).warnings
        assert SUGGESTS in warning and f"{factor * gain:g} was given" in warning
    return right


@pytest.mark.parametrize(
    "changes",
    [{"gain": gain, "background": background} for gain in (0.05, 0.5, 2) for background in (2, 20, 200)]
    + [{"gain": 10, "background": background} for background in (30, 200)]
    + [
        {"density": 0.03},
        {"density": 0.06, "background": 2},
        {"density": 0, "background": 200},
        {"sigma": 1.0},
        {"sigma": 2.5},
    ]
    + [{"read_noise": 0.0}, {"structure": 0.8, "bleaching": 0.8, "flicker": 0.2}, {"frames": 2, "size": (256, 256)}],
    ids=str,
)
def test_no_alarm_at_the_right_gain_and_always_one_at_twice_or_half(changes):
    scene = SCENE.but(seed=21, **changes)
    print(scene)
    check = refuse_false_alarms_and_silence(scene.frames_of(), gain=scene.gain, camera_offset=scene.offset)
    assert abs(check.gain - scene.gain) < 4 * check.gain_error


def test_an_em_gain_that_is_told_is_allowed_for():
    scene = SCENE.but(em_gain=100, gain=5, read_noise=30, seed=22)
    print(scene)
    frames = scene.frames_of()
    refuse_false_alarms_and_silence(frames, gain=5, camera_offset=scene.offset, em_gain=100)
    (warning,) = check_camera(frames, gain=0.05, camera_offset=scene.offset).warnings
    assert float(re.search(r"\(([0-9.]+) if an EM gain was on\), 0.05 was given", warning)[1]) == pytest.approx(
        0.05, rel=0.2
    )


def test_the_offset_may_be_wrong_where_light_varies():
    scene = SCENE.but(frames=120, structure=0.8, background=100, seed=23)
    print(scene)
    refuse_false_alarms_and_silence(scene.frames_of(), gain=scene.gain, camera_offset=0)


#: Steps of the coefficients of 8 x 8 px [ADU], coarser for the finer ones, as JPEG has them.
QUANTA = 5 * (1 + np.add.outer(np.arange(8), np.arange(8))).reshape(8, 1, 8)


def compressed(simplified):
    """Lossy compression: the cosine coefficients of 8 x 8 px are simplified."""

    def compress(frames):
        n, height, width = frames.shape
        blocks = frames.reshape(n, height // 8, 8, width // 8, 8).astype(float)
        coefficients = simplified(scipy.fft.dctn(blocks, axes=(2, 4), norm="ortho"))
        return (
            np.rint(scipy.fft.idctn(coefficients, axes=(2, 4), norm="ortho")).reshape(frames.shape).astype(frames.dtype)
        )

    return compress


def each_frame(filtered, dtype=np.float32):
    return lambda frames: np.stack([filtered(frame.astype(float)) for frame in frames]).astype(dtype)


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (lambda frames: frames[:1], "neighbouring frames"),
        (lambda frames: frames[:8], "too few pixels"),
        (lambda frames: frames[:, :12, :12], "too small"),
        (lambda frames: np.zeros_like(frames), "all the same"),
        (lambda frames: np.full_like(frames, 65535), "too few pixels"),
        (lambda frames: np.full(frames.shape, np.nan, np.float32), "too few pixels"),
        (each_frame(lambda frame: gaussian_filter(frame, 0.5)), "correlated"),
        (each_frame(lambda frame: gaussian_filter(frame, 1.0)), "correlated"),
        (each_frame(lambda frame: uniform_filter(frame, 2)), "correlated"),
        (each_frame(lambda frame: median_filter(frame, 3), np.uint16), "correlated"),
        (compressed(lambda coefficients: np.where(abs(coefficients) < 15, 0, coefficients)), "not that of light"),
        (compressed(lambda coefficients: np.rint(coefficients / QUANTA) * QUANTA), "compressed"),
    ],
    ids=["one frame", "few frames", "small frames", "zeros", "saturated", "NaN", "Gaussian", "wide Gaussian", "mean", "median", "denoised", "JPEG"],
)  # fmt: skip
def test_what_cannot_be_told_is_not_said(spoilt, why):
    scene = SCENE.but(seed=24)
    print(scene)
    frames = spoilt(scene.frames_of())
    for gain in (0.5, 1, 0.25):
        check = check_camera(frames, gain=gain, camera_offset=scene.offset)
        assert check.warnings == () and check.gain is None and why in check.undecided, check


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"gain": 10, "background": 2}, "rounded"),
        ({"density": 0, "background": 1}, "too dark"),
        ({"sigma": 0.5, "electrons": 5000}, "sharper than pixels"),
    ],
    ids=str,
)
def test_movies_that_do_not_show_their_noise_raise_no_alarm(changes, why):
    scene = SCENE.but(seed=25, **changes)
    print(scene)
    check = check_camera(scene.frames_of(), gain=scene.gain, camera_offset=scene.offset)
    assert check.warnings == () and why in check.undecided, check


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("storm-analysis/test.dax", {"gain": 1, "camera_offset": 100}),
        ("storm-analysis/test_spliner.dax", {"gain": 1, "camera_offset": 100}),
        ("picasso/testdata.raw", {"gain": 1, "camera_offset": 0}),
        ("deep-storm/ArtificialDataset_demo1.tif", {"gain": 48.43, "camera_offset": 28.3, "em_gain": 100}),
    ],
    ids=["storm-analysis", "storm-analysis in 3D", "Picasso", "Deep-STORM"],
)
def test_public_movies_with_the_settings_of_the_page(data_folder, name, known):
    """Deep-STORM's noise is that of an EM gain: its slope over light is 2 counts^2 for each 0.48 e- per count."""
    with lumicrop.open_movie(data_folder / name) as movie:
        assert check_movie_camera(movie, **known).warnings == ()
        for factor in (2, 0.5):
            (warning,) = check_movie_camera(movie, **{**known, "gain": factor * known["gain"]}).warnings
            assert SUGGESTS in warning


def test_public_movies_of_unknown_cameras_raise_no_alarm(data_folder):
    for name in ("sdt-python/pMHC_AF647_200k_000_.npz", "sdt-python/bead_img.npz"):
        with lumicrop.open_movie(data_folder / name) as movie:
            assert check_movie_camera(movie, gain=1, camera_offset=0).warnings == ()


@pytest.fixture
def files(tmp_path):
    """A movie of gain 0.5 and a table of some of its places, by Picasso's formats."""
    scene = SCENE.but(background=60, seed=26)
    print(scene)
    columns = {"frame": np.arange(60, dtype="u4"), **dict.fromkeys(("x", "y"), np.linspace(10, 50, 60, dtype="f4"))}
    columns |= dict(zip(("photons", "sx", "sy", "bg"), np.float32([[1000], [1.3], [1.3], [60]]).repeat(60, axis=1)))
    write_raw(tmp_path / "movie.raw", scene.frames_of(), Pixelsize=100, Baseline=1000, Sensitivity=0.5, Gain=1)
    write_picasso(tmp_path / "locs.hdf5", **columns)
    return tmp_path


def counted(files, *options):
    given = (
        "integrate",
        files / "movie.raw",
        files / "locs.hdf5",
        "--size",
        7,
        "--no-check-origin",
        "--overwrite",
        "--no-plot",
    )
    return command(*given, *options)


def test_the_command_warns_on_the_terminal_in_json_and_on_the_page(files):
    assert SUGGESTS not in counted(files)
    said = counted(files, "--gain", 1, "--report", files / "page.html")
    assert "warning: the movie's noise suggests 0.5" in said and said.count(SUGGESTS) == 1
    page = (files / "page.html").read_text()
    assert "noise suggests 0.5" in page
    told = json.loads(counted(files, "--gain", 1, "--json"))
    assert [SUGGESTS in warning for warning in told["warnings"]] == [True]
    assert told["camera"]["gain"] == pytest.approx(0.5, rel=0.1) and told["camera"]["warnings"] == told["warnings"]
    assert SUGGESTS not in counted(files, "--gain", 1, "--no-check-camera")
    assert SUGGESTS in command("inspect", files / "movie.raw", files / "locs.hdf5", "--gain", 1)


def test_an_em_gain_in_the_metadata_is_heeded(files):
    scene = SCENE.but(em_gain=100, gain=5, read_noise=30, seed=27)
    print(scene)
    write_raw(files / "movie.raw", scene.frames_of(), Pixelsize=100, Baseline=1000, Sensitivity=5, Gain=100)
    assert SUGGESTS not in counted(files)
    assert "before an EM gain of 100, 10 was given" in counted(files, "--gain", 0.1)


def test_data_frames_come_with_a_python_warning(files):
    given = {"size": 7, "check_origin": False}
    with pytest.warns(lumicrop.CameraWarning, match=SUGGESTS):
        lumicrop.integrate_movie(files / "movie.raw", files / "locs.hdf5", gain=1, **given)
    lumicrop.integrate_movie(files / "movie.raw", files / "locs.hdf5", **given)
    lumicrop.integrate_movie(files / "movie.raw", files / "locs.hdf5", gain=1, check_camera=False, **given)


def test_a_long_movie_is_looked_at_in_parts_only(tmp_path):
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        file.create_dataset("data", (5000, 256, 256), "u2", chunks=(1, 256, 256))  # zeros that take no place

    class Counted(lumicrop.movies.Hdf5):
        frames_read = 0

        def read(self, first, last):
            self.frames_read += last - first
            return super().read(first, last)

    with Counted(tmp_path / "movie.h5") as movie:
        check_movie_camera(movie, gain=1, camera_offset=0)
        assert 2 <= movie.frames_read <= 24
