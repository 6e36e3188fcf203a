"""Maps of the camera's pixels and of the background: files or arrays, checked against the movie, named where they are wrong."""

import json
import tracemalloc

import h5py
import numpy as np
import pytest
import tifffile
from direct_calls import SIZE, counted_directly
from movie_files import command, folder_content, read_locs
from typer.testing import CliRunner

import lumicrop
from lumicrop.command import app
from lumicrop.frame_maps import read_map
from lumicrop.input_error import InputError
from lumicrop.movies import ArrayMovie

NAMES = ("offset_map", "gain_map", "read_variance_map", "bad_pixels", "background_map")
MOVIE = ArrayMovie(np.ones((3, 4, 6), "u2"))


def made_maps(shape, seed=3):
    """One of each kind, with some pixels masked."""
    random = np.random.default_rng(seed)
    maps = {
        "offset_map": random.normal(100, 3, shape).astype("f4"),
        "gain_map": random.uniform(0.4, 0.6, shape).astype("f4"),
        "read_variance_map": random.gamma(2, 1.5, shape).astype("f4"),
        "bad_pixels": random.random(shape) < 0.01,
    }
    for name in ("offset_map", "gain_map", "read_variance_map"):
        maps[name][random.random(shape) < 0.005] = np.nan
    return maps


def options(maps, folder, suffix):
    """The maps as files, and the options that name them."""
    said = []
    for name, values in maps.items():
        path = folder / f"{name}{suffix}"
        np.save(path, values) if suffix == ".npy" else tifffile.imwrite(
            path, values.astype("u1") if values.dtype == bool else values
        )
        said += ["--" + name.replace("_", "-"), path]
    return said


def integrated(*files, **how):
    """`integrate_movie` of a movie of noise, which has no light at the positions."""
    return lumicrop.integrate_movie(*files, size=SIZE, check_origin=False, check_camera=False, **how)


# --------------------------------------------------------------------------------------------------- to the last bit


@pytest.mark.parametrize("method", ["sum", "filter", "joint", "optimal", "mle"])
@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_a_run_with_maps_gives_what_one_call_gives(method, suffix, sample, files):
    maps = made_maps(sample.movie.shape[1:])
    said = options(maps, files[0].parent, suffix)
    command(
        "integrate",
        *files,
        "--method",
        method,
        "--size",
        SIZE,
        "--details",
        "photons-sigma,background-sigma",
        *said,
        "--no-plot",
    )
    outputs = ("photons", "background_photons", "photons_sigma", "background_sigma", "flags")
    expected, rows = counted_directly(sample, outputs, method=method, gain=None, **maps)
    locs = read_locs(files[0].with_name("locs_lumicrop.hdf5"))
    for name in ("photons", "photons_sigma", "background_sigma"):
        np.testing.assert_array_equal(locs[f"lumicrop_{name}"], expected[name])
    np.testing.assert_array_equal(locs["lumicrop_background"], expected["background_photons"])
    np.testing.assert_array_equal(locs["lumicrop_flags"][rows], expected["flags"][rows])
    assert (locs["lumicrop_flags"][rows] & lumicrop.Flag.MASKED).any()


@pytest.mark.parametrize("method", ["sum", "filter", "mle"])
@pytest.mark.parametrize("chunk_bytes", [1, 6 * 24 * 37 * 4, 1 << 24])
@pytest.mark.parametrize("frames", [1, 30])
def test_a_background_of_each_frame_follows_the_movie_in_pieces(method, chunk_bytes, frames, sample, files, tmp_path):
    background = np.random.default_rng(5).uniform(5, 25, (frames, 24, 37)).astype("f4")
    expected, _ = counted_directly(
        sample, ("photons", "background_photons"), method=method, background="map", background_map=background
    )
    np.save(tmp_path / "background.npy", background)
    tifffile.imwrite(tmp_path / "background.tif", background)
    for given in (background, tmp_path / "background.npy", str(tmp_path / "background.tif")):
        data = integrated(*files, method=method, background_map=given, chunk_bytes=chunk_bytes)
        np.testing.assert_array_equal(data["lumicrop_photons"], expected["photons"])
        np.testing.assert_allclose(data["lumicrop_background"], expected["background_photons"], rtol=1e-6)
        if chunk_bytes == 1 << 24:
            np.testing.assert_array_equal(data["lumicrop_photons"], expected["photons"])


def test_a_long_background_is_never_held_as_a_whole(tmp_path):
    n = 120
    movie = np.lib.format.open_memmap(tmp_path / "movie.npy", "w+", "u2", (n, 256, 256))
    background = np.lib.format.open_memmap(tmp_path / "background.npy", "w+", "f4", (n, 256, 256))
    movie[:], background[:] = 100, 10
    movie.flush(), background.flush()
    del movie, background
    import pandas

    table = pandas.DataFrame({"x": np.full(n, 100.0), "y": np.full(n, 100.0), "t": np.arange(n)})
    how = {"columns": {"x": "x", "y": "y", "frame": "t"}, "unit": "px", "origin": "first_pixel", "first_frame": 0}
    tracemalloc.start()
    data = integrated(
        tmp_path / "movie.npy",
        table,
        method="sum",
        background_map=tmp_path / "background.npy",
        chunk_bytes=1 << 20,
        **how,
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (data["lumicrop_photons"] == 49 * 90).all()
    assert peak < 12e6, f"{peak / 1e6:.1f} MB, where the background has {n * 256 * 256 * 4 / 1e6:.0f}"


def test_arrays_of_any_kind_are_maps(sample, files):
    maps = made_maps(sample.movie.shape[1:])
    expected = integrated(*files, method="joint", **maps)["lumicrop_photons"]
    others = {name: values.tolist() for name, values in maps.items()}
    others["bad_pixels"] = maps["bad_pixels"].astype("i8") * 255
    others["gain_map"] = np.asfortranarray(maps["gain_map"].astype(">f4"))
    data = integrated(*files, method="joint", **others)
    np.testing.assert_allclose(data["lumicrop_photons"], expected, rtol=1e-4)
    assert data.attrs["lumicrop"]["gain_map"]["value"] == "array of 24 x 37 px"


def test_what_the_command_camera_writes_is_read_as_it_is(tmp_path):
    random = np.random.default_rng(7)
    shape = (48, 64)
    offset, gain = random.normal(100, 4, shape), random.uniform(0.4, 0.6, shape)

    def frames(electrons, n=60):
        light = random.poisson(electrons, (n, *shape)) + random.normal(0, 1.5, (n, *shape))
        return np.round(light / gain + offset).clip(0).astype("u2")

    for name, electrons in (("dark", 0), ("low", 50), ("high", 400), ("movie", 30)):
        tifffile.imwrite(tmp_path / f"{name}.tif", frames(electrons))
    command(
        "camera", "--dark", tmp_path / "dark.tif", "--flat", tmp_path / "low.tif", "--flat", tmp_path / "high.tif", "-o", tmp_path / "cam",
        "--no-plot",
    )  # fmt: skip
    (tmp_path / "spots.csv").write_text("x,y,t\n30,20,0\n10,40,59\n")
    maps = {name: np.load(tmp_path / f"cam_{name.removesuffix('_map')}.npy") for name in NAMES[:3]}
    ask = [
        "integrate", tmp_path / "movie.tif", tmp_path / "spots.csv", "--columns", "x=x,y=y,frame=t", "--unit", "px", "--origin",
        "first_pixel", "--first-frame", 0, "--pixel-nm", 100, "--sigma-nm", 130, "--size", 9, "--method", "mle", "--no-check-origin",
        "--no-plot",
    ]  # fmt: skip
    for name in maps:
        ask += ["--" + name.replace("_", "-"), tmp_path / f"cam_{name.removesuffix('_map')}.npy"]
    said = command(*ask)
    for words in ("map of offsets", "map of gains", "map of read-out variances", "cam_gain.npy"):
        assert words in said
    assert "warning" not in said and "assumed: nobody says: photons" not in said
    movie = tifffile.imread(tmp_path / "movie.tif")
    channel = lumicrop.Channel(
        movie, method="mle", crop_shape=(9, 9), pixel_nm=100, qe=1, psf_sigma_nm=130, **maps
    )  # fmt: skip
    columns = {"frame": [0, 59], "X0": [26, 6], "Y0": [16, 36], "x_fit": [3000.0, 1000.0], "y_fit": [2000.0, 4000.0]}
    expected = lumicrop.integrate(channel, outputs=("photons", "photons_sigma", "background_photons"), **columns)
    rows = np.genfromtxt(tmp_path / "spots_lumicrop.csv", delimiter=",", skip_header=1, usecols=(3, 4, 5))
    np.testing.assert_array_equal(rows[:, 0], expected.photons)
    np.testing.assert_array_equal(rows[:, 1], expected.background_photons)
    np.testing.assert_array_equal(rows[:, 2], expected.photons_sigma)
    assert expected.background_photons == pytest.approx(30, abs=3)


def test_a_detection_without_a_pixel_left_says_so(sample, files):
    bad = np.zeros(sample.movie.shape[1:], bool)
    bad[:12] = True
    rows = np.flatnonzero(
        (sample.columns["y"] > 0) & (sample.columns["y"] < 7.5) & (sample.columns["x"] > 0) & (sample.columns["x"] < 36)
    )
    for method in ("sum", "filter", "joint", "mle"):
        data = integrated(*files, method=method, bad_pixels=bad)
        assert len(rows) and set(data["lumicrop_reason"][rows]) == {"too few pixels that are not masked"}
        assert np.isnan(data["lumicrop_photons"][rows]).all()


# ------------------------------------------------------------------------------------------------------- the camera check


def test_the_check_of_the_camera_takes_maps_em_gain_and_read_noise(tmp_path, monkeypatch, sample, files):
    from lumicrop.camera import of_settings

    asked = []

    def remember(movie, **how):
        asked.append(how)
        return of_settings.CameraCheck()

    monkeypatch.setattr(of_settings, "check_movie_camera", remember)
    maps = made_maps(sample.movie.shape[1:])
    for how in ({"gain": 12.0, "em_gain": 40.0, "read_noise": 30.0}, {name: maps[name] for name in NAMES[:3]}, {}):
        lumicrop.integrate_movie(*files, method="mle", size=SIZE, check_origin=False, **how)
    given, of_maps, of_metadata = asked
    assert given == {"gain": 12, "camera_offset": 100, "em_gain": 40, "read_noise": 30}
    assert of_maps == {
        "gain": pytest.approx(np.nanmedian(maps["gain_map"])), "camera_offset": pytest.approx(np.nanmedian(maps["offset_map"])),
        "em_gain": 1, "read_noise": pytest.approx(np.sqrt(np.nanmedian(maps["read_variance_map"]))),
    }  # fmt: skip
    assert of_metadata == {"gain": 0.5, "camera_offset": 100, "em_gain": 1, "read_noise": 0}


# ------------------------------------------------------------------------------------------------------- what is refused


GOOD = np.ones((4, 6))
TURNED = np.ones((6, 4))


def with_a(value, dtype="f8"):
    values = np.ones((4, 6), dtype)
    values[2, 5] = value
    return values


WRONG = [
    ("offset_map", TURNED, "6 x 4 px found, 4 x 6 px expected, as the movie has"),
    ("offset_map", np.ones((3, 4, 6)), "3 frames of 4 x 6 px found, 4 x 6 px expected, as the movie has"),
    ("background_map", np.ones((2, 4, 6)), "2 frames of 4 x 6 px found, 1 or 3 frames of 4 x 6 px expected, as the movie has"),
    ("background_map", np.ones((3, 6, 4)), "3 frames of 6 x 4 px found, 1 or 3 frames of 4 x 6 px expected, as the movie has"),
    ("gain_map", with_a(0), "0 in row 2, column 5, a finite number above 0 expected, or NaN to mask the pixel"),
    ("gain_map", -GOOD, "-1 in row 0, column 0 (and 23 more), a finite number above 0 expected"),
    ("gain_map", with_a(np.inf), "inf in row 2, column 5, a finite number above 0 expected"),
    ("offset_map", with_a(-np.inf), "-inf in row 2, column 5, a finite number of counts expected"),
    ("read_variance_map", with_a(-0.5), "-0.5 in row 2, column 5, a finite number of 0 or more expected"),
    ("background_map", with_a(np.inf), "inf in row 2, column 5, a finite number of photons expected"),
    ("offset_map", np.full((4, 6), np.nan), "every pixel is NaN, and so masked"),
    ("bad_pixels", np.ones((4, 6), bool), "every pixel is bad, at least one that is not expected"),
    ("bad_pixels", GOOD, "float64 found, bool or whole numbers expected: not 0 where a pixel is bad"),
    ("offset_map", GOOD > 0, "bool found, numbers expected, or NaN where a pixel is masked"),
    ("gain_map", GOOD.astype(complex), "complex128 found, numbers expected"),
]  # fmt: skip


@pytest.mark.parametrize("name, values, complaint", WRONG)
@pytest.mark.parametrize("kind", ["array", "npy"])
def test_a_wrong_map_is_named_with_what_was_found_and_expected(name, values, complaint, kind, tmp_path):
    given, where = values, "--" + name.replace("_", "-")
    if kind == "npy":
        given = tmp_path / "map.npy"
        np.save(given, values)
        where += f" {given}"
    with pytest.raises(InputError) as caught:
        read_map(name, given, MOVIE)
    assert str(caught.value).startswith(f"{where}: {complaint}")


def test_a_vector_and_a_number_are_no_maps(tmp_path):
    for values, shape in ((np.ones(6), "(6,)"), (np.float64(3), "()"), (np.ones((1, 1, 4, 6)), "(1, 1, 4, 6)")):
        with pytest.raises(InputError) as caught:
            read_map("offset_map", values, MOVIE)
        assert (
            str(caught.value) == f"--offset-map: an array of shape {shape} found, 4 x 6 px expected, as the movie has"
        )


@pytest.mark.parametrize(
    "name, content, complaint",
    [
        ("map.npy", b"", "this is not an .npy file of numbers, or it is cut short"),
        ("map.npy", b"no numpy at all", "this is not an .npy file of numbers, or it is cut short"),
        ("map.tif", b"no tiff at all", ""),
        ("map.txt", b"1 2 3", "a movie's name ends in one of "),
        ("none.npy", None, "No such file or directory"),
        ("none.tif", None, "No such file or directory"),
    ],
)
def test_a_file_that_is_no_map_is_named_with_its_option(name, content, complaint, tmp_path):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_map("gain_map", path, MOVIE)
    assert str(caught.value).startswith(f"--gain-map {path}: {complaint}")


def test_a_cut_short_or_pickled_array_is_no_map(tmp_path):
    path = tmp_path / "map.npy"
    np.save(path, np.ones((4, 6)))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="it is cut short"):
        read_map("gain_map", path, MOVIE)
    np.save(path, np.array([{}], object), allow_pickle=True)
    with pytest.raises(InputError, match="not an .npy file of numbers"):
        read_map("gain_map", path, MOVIE)


def test_types_and_orders_are_taken_as_they_come(tmp_path):
    for values in (
        GOOD.astype("f2"),
        GOOD.astype("i8"),
        GOOD.astype(">f8"),
        np.asfortranarray(GOOD),
        GOOD[None],
        with_a(np.nan),
    ):
        np.save(tmp_path / "map.npy", values)
        for given in (values, tmp_path / "map.npy"):
            found = read_map("gain_map", given, MOVIE).values
            assert found.shape == (4, 6) and found.dtype in (np.float32, np.float64) and found.dtype.isnative
            np.testing.assert_array_equal(found, np.asarray(values, "f8").reshape(4, 6))
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file["gain"] = GOOD
    assert (read_map("gain_map", f"{tmp_path / 'maps.h5'}::gain", MOVIE).values == 1).all()


def test_the_command_says_it_in_one_line_and_writes_nothing(files, tmp_path):
    np.save(tmp_path / "map.npy", np.ones((30, 24)))
    before = folder_content(tmp_path)
    said = CliRunner().invoke(
        app, ["integrate", *map(str, files), "--size", "7", "--gain-map", str(tmp_path / "map.npy")]
    )
    assert said.exit_code == 1 and folder_content(tmp_path) == before
    assert " ".join(said.output.split()).endswith("map.npy: 30 x 24 px found, 24 x 37 px expected, as the movie has")


@pytest.mark.parametrize(
    "number, name", [("offset", "offset_map"), ("gain", "gain_map"), ("read_noise", "read_variance_map")]
)
def test_a_number_and_its_map_are_not_both_taken(number, name, files):
    with pytest.raises(InputError) as caught:
        integrated(*files, **{number: 1.0, name: np.ones((24, 37))})
    assert f"--{number.replace('_', '-')} and --{name.replace('_', '-')} are both given" in str(caught.value)


def test_a_background_that_is_said_and_a_map_of_another_are_not_both_taken(files):
    with pytest.raises(InputError, match="--background is 20, but --background-map is given, too"):
        integrated(*files, background=20.0, background_map=np.ones((24, 37)))


def test_a_map_is_never_overwritten(files, tmp_path):
    np.save(tmp_path / "locs_lumicrop.npy", np.ones((24, 37)))
    (tmp_path / "locs_lumicrop.png").write_bytes((tmp_path / "locs_lumicrop.npy").read_bytes())
    before = folder_content(tmp_path)
    linked = tmp_path / "linked.npy"
    linked.symlink_to(tmp_path / "locs_lumicrop.png")
    said = CliRunner().invoke(
        app, ["integrate", *map(str, files), "--size", "7", "--overwrite", "--offset-map", str(linked)]
    )
    assert said.exit_code == 1 and "this file is read: give the output another name" in " ".join(said.output.split())
    linked.unlink()
    assert folder_content(tmp_path) == before


def test_the_summary_names_the_files(files, tmp_path):
    np.save(tmp_path / "bad.npy", np.eye(24, 37, dtype=bool))
    found = json.loads(command("integrate", *files, "--size", 7, "--bad-pixels", tmp_path / "bad.npy", "--json"))
    assert found["settings"]["bad_pixels"] == {"value": str(tmp_path / "bad.npy"), "source": "given", "assumed": False}
    assert found["flags"]["MASKED"] > 0
