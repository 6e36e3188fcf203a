"""The command ``lumicrop camera``, and the maps that it makes of dark and flat frames."""

import json

import numpy as np
import pytest
import tifffile
from camera_movies import Filmed
from movie_files import command, write_raw

from lumicrop.camera import calibration_maps, stack_of
from lumicrop.movies import open_movie

SCENE = Filmed(frames=80, background=60, structure=0.8, seed=31)


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    print(SCENE)
    path = tmp_path_factory.mktemp("camera") / "movie.tif"
    tifffile.imwrite(path, SCENE.frames_of())
    return path


def test_it_shows_the_numbers_and_draws_noise_against_light(movie):
    said = command("camera", movie, "--overwrite")
    assert "slope of noise over light" in said and "not determined apart from the read noise" in said
    assert (movie.parent / "movie_camera.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_what_is_known_is_used_and_what_is_not_determined_is_null(movie):
    alone = json.loads(command("camera", movie, "--json", "--no-plot"))
    assert (
        alone["way"] == "slope" and alone["offset"] is None and alone["read_noise"] is None and alone["written"] == []
    )
    assert abs(alone["gain"] - 0.5) < 3 * alone["gain_error"] < 0.06
    both = json.loads(command("camera", movie, "--json", "--no-plot", "--camera-offset", 1000, "--read-noise", 1.5))
    assert both["way"] == "level" and both["gain"] == pytest.approx(0.5, rel=0.05)
    em = json.loads(command("camera", movie, "--json", "--no-plot", "--em-gain", 100))
    assert em["gain"] == pytest.approx(2 * 100 * alone["gain"])


def test_metadata_are_shown_beside_and_an_em_gain_is_taken_from_them(tmp_path):
    scene = SCENE.but(em_gain=100, gain=5, read_noise=30)
    print(scene)
    write_raw(tmp_path / "movie.raw", scene.frames_of(), Pixelsize=100, Baseline=1000, Sensitivity=10, Gain=100)
    told = json.loads(command("camera", tmp_path / "movie.raw", "--json"))
    assert told["em_gain"] == 100 and told["gain"] == pytest.approx(5, rel=0.2) and told["stated"]["gain"][0] == 0.1
    assert "the file says gain 0.1" in command("camera", tmp_path / "movie.raw", "--overwrite")


def test_where_only_the_read_noise_is_missing_the_gain_is_shown_for_several(tmp_path):
    np.save(tmp_path / "movie.npy", Filmed(density=0, seed=32).frames_of())
    said = command("camera", tmp_path / "movie.npy", "--offset", 1000)
    assert "the gain is, by read noise: 0.4" in said and "with 3 e-" in said


def test_refusals_write_nothing_and_name_the_way_out(movie, tmp_path):
    np.save(tmp_path / "one.npy", np.zeros((1, 64, 64), "u2"))
    np.save(tmp_path / "other.npy", np.ones((60, 32, 32), "u2"))
    np.save(tmp_path / "dark.npy", np.random.default_rng(1).integers(90, 110, (60, 64, 64)).astype("u2"))
    out = ("-o", tmp_path / "out")
    for given, status, expected in (
        ((), 2, "MOVIE is needed, or --dark and --flat"),
        ((movie, "--flat", movie), 2, "--flat needs --dark"),
        ((movie, "--dark", tmp_path / "dark.npy", "--offset", 1), 2, "--dark tells offset and read noise"),
        ((tmp_path / "one.npy",), 1, "noise needs neighbouring frames"),
        ((movie, "--dark", tmp_path / "one.npy"), 1, "1 frames, at least 50 are needed"),
        (("--dark", tmp_path / "dark.npy", "--flat", tmp_path / "other.npy"), 1, "but the dark frames have 64 x 64"),
        (("--dark", tmp_path / "dark.npy", "--flat", tmp_path / "dark.npy"), 1, "is not above that of the dark frames"),
    ):
        before = sorted(path.name for path in tmp_path.iterdir())
        said = command("camera", *given, *out, exit_code=status)
        assert expected in " ".join(said.split())
        assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert "exists already" in command("camera", movie, "-o", movie.parent / "movie_camera", exit_code=1)


class Camera:
    """An sCMOS camera whose every pixel is its own; the lamp of its flat frames flickers and fades."""

    def __init__(self, seed, shape=(24, 40)):
        self.random = random = np.random.default_rng(seed)
        self.offset = random.normal(100, 3, shape)
        self.gain = random.normal(0.46, 0.03, shape)
        self.read_noise = random.gamma(8, 0.2, shape)

    def frames(self, light, n):
        lamp = (1 - 0.1 * np.arange(n) / n) * self.random.normal(1, 0.03, n)
        electrons = self.random.poisson(light * lamp[:, None, None], (n, *self.offset.shape))
        electrons = electrons + self.random.normal(0, self.read_noise, electrons.shape)
        return np.rint(self.offset + electrons / self.gain).astype("u2")


@pytest.fixture(scope="module")
def camera(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    print("seed 33")
    camera = Camera(33)
    np.save(folder / "dark.npy", camera.frames(0, 1000))
    for light in (50, 150, 400, 900):
        np.save(folder / f"flat{light}.npy", camera.frames(light, 400))
    return camera, folder


def flats(folder):
    return [word for light in (50, 150, 400, 900) for word in ("--flat", folder / f"flat{light}.npy")]


def test_maps_of_dark_and_flat_frames_are_those_of_the_camera(camera):
    camera, folder = camera
    told = json.loads(command("camera", "--dark", folder / "dark.npy", *flats(folder), "-o", folder / "out", "--json"))
    offset, gain, variance = (np.load(folder / f"out_{name}.npy") for name in ("offset", "gain", "read_variance"))
    assert {each.dtype.name for each in (offset, gain, variance)} == {"float32"} and gain.shape == (24, 40)
    noise = np.sqrt((camera.read_noise / camera.gain) ** 2 + 1 / 12)  # [ADU], rounding included
    assert np.std((offset - camera.offset) / (noise / np.sqrt(1000))) == pytest.approx(1, abs=0.1)
    error = told["maps"]["gain_error_of_a_pixel"]
    assert 0.02 < error < 0.08
    off = gain / camera.gain - 1
    assert np.std(off) == pytest.approx(error, rel=0.15) and abs(np.mean(off)) < 0.01
    expected = noise**2 * gain**2
    assert np.std(variance / expected - 1) == pytest.approx(np.sqrt(2 / 999), rel=0.15)
    assert told["maps"]["pixels_without_gain"] == 0 and (folder / "out.png").is_file()


def test_multiplied_electrons_are_allowed_for_in_the_maps(camera):
    _, folder = camera
    with open_movie(folder / "dark.npy") as movie:
        dark = stack_of(movie)
    with open_movie(folder / "flat400.npy") as movie:
        stacks = (dark, [stack_of(movie, dark)])
    plain, multiplied = (calibration_maps(*stacks, em_gain=em_gain).gain for em_gain in (1, 50))
    np.testing.assert_allclose(multiplied, 100 * plain, rtol=1e-5)


def test_a_pixel_that_does_not_see_light_is_masked(camera, tmp_path):
    _, folder = camera
    for name in ("dark", "flat400"):
        frames = np.load(folder / f"{name}.npy")[:200]
        frames[:, 3, 5] = 100
        np.save(tmp_path / f"{name}.npy", frames)
    given = ("--dark", tmp_path / "dark.npy", "--flat", tmp_path / "flat400.npy", "-o", tmp_path / "out", "--no-plot")
    said = command("camera", *given)
    assert "1 pixels have no gain" in said and "a pixel's gain is known to 10 % only" in said
    assert np.argwhere(np.isnan(np.load(tmp_path / "out_gain.npy"))).tolist() == [[3, 5]]


def test_a_movie_with_dark_frames_tells_its_gain_in_even_light(camera, tmp_path):
    camera, folder = camera
    np.save(tmp_path / "movie.npy", camera.frames(20, 100))
    told = json.loads(command("camera", tmp_path / "movie.npy", "--dark", folder / "dark.npy", "--json"))
    assert told["way"] == "level" and told["gain"] == pytest.approx(camera.gain.mean(), rel=0.05)
    assert told["read_noise"] == pytest.approx(np.sqrt(np.mean(camera.read_noise**2)), rel=0.05)
    assert [path.rsplit("movie_camera", 1)[1] for path in told["written"]] == [
        ".png",
        "_offset.npy",
        "_read_variance.npy",
    ]
