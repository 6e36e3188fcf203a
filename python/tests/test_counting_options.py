"""Every method, background and detail that the library has, from the command: to the last bit what one call gives."""

import json

import h5py
import numpy as np
import pandas
import pytest
import yaml
from direct_calls import SIZE, counted_directly
from movie_files import CAMERA, Sample, command, read_locs, write_raw
from typer.testing import CliRunner

import lumicrop
from lumicrop import _channel, _native, methods
from lumicrop.command import app
from lumicrop.input_error import InputError
from lumicrop.request import Request

DETAILS = tuple(methods.DETAILS)
COMBINATIONS = [(method, kind) for method, how in methods.METHODS.items() for kind in how.backgrounds if kind != "map"]


def needed(method, kind=None):
    """What a method and its background cannot do without."""
    aperture = {"aperture_px": 2.3, "aperture_y_px": 1.6, "aperture_theta_deg": 25.0}
    annulus = {"annulus_inner_px": 3.2, "annulus_outer_px": 5.5, "neighbour_radius_px": 2.5}
    return (aperture if method == "aperture" else {}) | (annulus if kind in methods.ANNULI else {})


def options_of(method, kind=None):
    return [
        str(each) for name, given in needed(method, kind).items() for each in ("--" + name.replace("_", "-"), given)
    ]


def refused(*arguments, exit_code=1):
    """The one sentence of a run that is refused."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "400"})
    assert result.exit_code == exit_code, result.output
    return " ".join(result.output.split())


def integrated(*files, **how):
    """`integrate_movie` of a movie of noise, which has no light at the positions."""
    return lumicrop.integrate_movie(*files, check_origin=False, check_camera=False, **how)


def written(path):
    return read_locs(path.with_name("locs_lumicrop.hdf5"))


# ------------------------------------------------------------------------------------------------------------ one list


def test_there_is_one_list_of_methods_backgrounds_and_details():
    assert list(_channel.METHODS) == list(methods.METHODS) and list(_channel.BACKGROUNDS) == list(methods.BACKGROUNDS)
    assert {*methods.DETAILS, "background_photons"} == set(_native.DETAILS)
    for name, method in methods.METHODS.items():
        assert set(method.backgrounds) <= set(methods.BACKGROUNDS), name


@pytest.mark.parametrize("method", methods.METHODS)
@pytest.mark.parametrize("kind", methods.BACKGROUNDS)
def test_the_list_says_which_backgrounds_the_library_takes(method, kind):
    channel = lumicrop.Channel(
        np.ones((1, 5, 5), "u2"), method=method, background=kind, pixel_nm=100, gain=1, qe=1, psf_sigma_nm=120,
        background_map=np.ones((5, 5)) if kind == "map" else None, **needed(method, kind),
    )  # fmt: skip
    columns = {name: [0] for name in ("X0", "Y0", "frame", "x_fit", "y_fit", "os_fit")}
    try:
        lumicrop.integrate(channel, **columns)
    except lumicrop.InvalidArgument as error:
        assert kind not in methods.METHODS[method].backgrounds, error
    else:
        assert kind in methods.METHODS[method].backgrounds


@pytest.mark.parametrize("method", methods.METHODS)
def test_the_list_says_which_details_a_method_has(method, sample):
    found, rows = counted_directly(sample, DETAILS, method=method, **needed(method))
    for name in DETAILS:
        tells = not np.isnan(found[name][rows]).all()
        tells = found[name].any() if name == "iterations" else tells
        assert tells == methods.has_detail(method, name), name


# --------------------------------------------------------------------------------------------------- to the last bit


@pytest.mark.parametrize("method, kind", COMBINATIONS)
def test_the_command_gives_what_one_call_gives(method, kind, sample, files):
    asked = [name for name in DETAILS if methods.has_detail(method, name)]
    command(
        "integrate", *files, "--method", method, "--background", kind.replace("_", "-"), "--size", SIZE, "--read-noise", 1.5,
        "--saturation", 240, "--details", ",".join(asked), "--no-plot", *options_of(method, kind),
    )  # fmt: skip
    expected, _ = counted_directly(
        sample, ("photons", "background_photons", "flags", *asked), method=method, background=kind, read_noise=1.5, saturation=240,
        **needed(method, kind),
    )  # fmt: skip
    locs = written(files[0])
    np.testing.assert_array_equal(locs["lumicrop_photons"], expected["photons"])
    np.testing.assert_array_equal(locs["lumicrop_background"], expected["background_photons"])
    for name in asked:
        np.testing.assert_array_equal(locs[f"lumicrop_{name}"], expected[name], name)
    counted = np.isfinite(locs["lumicrop_photons"])
    np.testing.assert_array_equal(locs["lumicrop_flags"][counted], expected["flags"][counted])
    assert (locs["lumicrop_flags"] & lumicrop.Flag.SATURATED).any()


@pytest.mark.parametrize("method", ["joint", "mle"])
@pytest.mark.parametrize("chunk_bytes", [1, 3 * 24 * 37 * 2, 1 << 24])
def test_pieces_of_a_movie_give_what_one_call_gives(method, chunk_bytes, sample, files):
    data = integrated(*files, method=method, size=SIZE, details=["chi2"], chunk_bytes=chunk_bytes)
    expected, _ = counted_directly(sample, ("photons", "photons_sigma", "chi2"), method=method)
    for name, values in expected.items():
        np.testing.assert_array_equal(data[f"lumicrop_{name}"], values)


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 24])
def test_neighbours_are_those_of_the_frame_whatever_the_pieces(chunk_bytes, sample, files):
    how = {"method": "optimal", "background": "annulus_mean", **needed("optimal", "annulus_mean")}
    data = integrated(*files, size=SIZE, chunk_bytes=chunk_bytes, **how)
    expected, rows = counted_directly(sample, ("photons", "background_photons"), **how)
    np.testing.assert_array_equal(data["lumicrop_photons"], expected["photons"])
    np.testing.assert_array_equal(data["lumicrop_background"], expected["background_photons"])
    alone, _ = counted_directly(sample, ("background_photons",), **how | {"neighbour_radius_px": 0.0})
    assert (alone["background_photons"][rows] != expected["background_photons"][rows]).any()


def test_what_leaves_no_background_is_told(files):
    annulus = {"annulus_inner_px": 3.0, "annulus_outer_px": 3.9, "neighbour_radius_px": 30.0}
    data = integrated(*files, method="sum", background="annulus_mean", size=SIZE, **annulus)
    crowded = data["lumicrop_reason"] == "no pixel left for the background"
    assert crowded.any() and np.isnan(data["lumicrop_photons"][crowded]).all()
    assert (data["lumicrop_flags"][crowded].to_numpy() & lumicrop.Flag.NO_BORDER).all()


def test_mistakes_about_an_annulus_are_named(files):
    ring = ("--annulus-inner-px", 4, "--annulus-outer-px", 6)
    for given, error in (
        (("--background", "annulus-mean"), "nobody states the annulus: give --annulus-inner-px"),
        (ring, "--annulus-inner-px is for a --background of annulus-median, annulus-mean, annulus-clipped, not border_median"),
        ((*ring, "--background", "annulus-mean", "--annulus-inner-px", 6), "is 6 and --annulus-outer-px 6: expected 0 <= inner < outer"),
        ((*ring, "--background", "annulus-mean", "--neighbour-radius-px", -1), "--neighbour-radius-px is -1, expected 0"),
        (("--annulus-inner-px", 4, "--annulus-outer-px", 60, "--background", "annulus-mean"), "annulus larger than the frame"),
    ):
        assert error in refused("integrate", *files, "--method", "sum", "--size", SIZE, "--no-plot", *given), given


def test_a_number_is_a_known_background_of_every_method_that_takes_one(sample, files):
    for method in ("sum", "filter", "optimal", "mle"):
        data = integrated(*files, method=method, size=SIZE, background=12.5, details="background_sigma")
        known = {"os_fit": np.full(len(counted_directly(sample, ("photons",), method="sum")[1]), 12.5)}
        expected, rows = counted_directly(
            sample, ("photons", "background_sigma"), known, method=method, background="column"
        )
        np.testing.assert_array_equal(data["lumicrop_photons"], expected["photons"])
        assert (data["lumicrop_background"][rows] == 12.5).all() and (
            data["lumicrop_background_sigma"][rows] == 0
        ).all()


def test_a_sum_with_its_enclosed_fraction_needs_the_psf_and_has_it(sample, files):
    data = integrated(*files, method="sum", size=SIZE, details=["enclosed", "photons_total"])
    expected, _ = counted_directly(sample, ("photons", "enclosed", "photons_total"), method="sum")
    for name, values in expected.items():
        np.testing.assert_array_equal(data[f"lumicrop_{name}"], values)


# ------------------------------------------------------------------------------------------------------- what is written


@pytest.mark.parametrize("method", methods.METHODS)
def test_errors_are_written_by_default_where_the_method_is_there_for_them(method, files):
    command("integrate", *files, "--method", method, "--size", SIZE, "--no-plot", *options_of(method))
    names = [name for name in written(files[0]).dtype.names if name.startswith("lumicrop_")]
    usual = ["photons", "background", "neighbours", "flags", "reason"]
    usual[2:2] = (
        ["psf_sum", "denominator"]
        if method == "filter"
        else ["photons_sigma"]
        if methods.METHODS[method].has_errors
        else []
    )
    assert names == [f"lumicrop_{name}" for name in usual]


def test_what_sum_and_filter_write_is_not_changed_by_asking_for_nothing(sample, files):
    for method in ("sum", "filter"):
        data = integrated(*files, method=method, size=SIZE)
        expected, _ = counted_directly(sample, ("photons", "background"), method=method)
        np.testing.assert_array_equal(data["lumicrop_photons"], expected["photons"])
        np.testing.assert_array_equal(data["lumicrop_background"], expected["background"] * 0.5)


def test_all_details_are_those_that_the_method_tells(files):
    for method in methods.METHODS:
        data = integrated(*files, method=method, size=SIZE, details="all", **needed(method))
        names = {name.removeprefix("lumicrop_") for name in data} & set(DETAILS)
        expected = {name for name in DETAILS if methods.has_detail(method, name)}
        assert names == (expected - {"enclosed", "photons_total"} if not methods.METHODS[method].has_psf else expected)


def test_every_format_has_the_columns_with_their_units(files):
    ask = ("--method", "mle", "--size", SIZE, "--details", "chi2,background-sigma,iterations", "--no-plot")
    for name in ("out.hdf5", "out.csv", "out.parquet"):
        command("integrate", *files, *ask, "--overwrite", "-o", files[0].with_name(name))
    table = pandas.read_csv(files[0].with_name("out.csv"))
    units = yaml.safe_load_all(files[0].with_name("out.yaml").read_text())
    assert [each for each in units][-1]["lumicrop.columns"]["lumicrop_background_sigma"] == "photon"
    names = [name for name in table if name.startswith("lumicrop_")]
    assert names[:6] == [
        "lumicrop_photons [photon]", "lumicrop_background [photon]", "lumicrop_photons_sigma [photon]",
        "lumicrop_background_sigma [photon]", "lumicrop_chi2", "lumicrop_iterations",
    ]  # fmt: skip
    with h5py.File(files[0].with_name("out.hdf5")) as file:
        locs = file["locs"][...]
    assert locs["lumicrop_iterations"].dtype == np.uint32
    np.testing.assert_array_equal(locs["lumicrop_photons_sigma"], table["lumicrop_photons_sigma [photon]"])
    parquet = pandas.read_parquet(files[0].with_name("out.parquet"))
    np.testing.assert_array_equal(parquet.filter(like="lumicrop_chi2").to_numpy()[:, 0], table["lumicrop_chi2"])


# ------------------------------------------------------------------------------------------------------- what is shown


def test_the_summary_tells_the_numbers_and_who_said_them(sample, files):
    ask = (
        "integrate", *files, "--method", "mle", "--size", SIZE, "--em-gain", 40, "--gain", 20, "--saturation", 240,
        "--details", "chi2", "--overwrite",
    )  # fmt: skip
    said = command(*ask, "--no-plot")
    for row in (
        "EM gain 40 given",
        "read noise 0 e- assumed: nobody says",
        "saturation 240 ADU given",
        "background fitted default",
    ):
        assert row in " ".join(said.split())
    assert "photons sigma, 5/50/95 %" in said and "have a saturated pixel in their crop" in said
    page = files[0].with_name("page.html")
    found = json.loads(command(*ask, "--json", "--report", page))
    assert found["settings"]["em_gain"] == {"value": 40, "source": "given", "assumed": False}
    assert found["settings"]["read_noise"] == {"value": 0, "source": "nobody says", "assumed": True}
    assert found["settings"]["details"]["value"] == ["photons_sigma", "chi2"]
    locs = written(files[0])
    counted = np.isfinite(locs["lumicrop_photons"])
    sigma = locs["lumicrop_photons_sigma"]
    assert found["details"]["photons_sigma"]["p50"] == pytest.approx(np.median(sigma[counted]))
    saturated = (locs["lumicrop_flags"] & lumicrop.Flag.SATURATED) != 0
    assert found["flags"]["SATURATED"] == saturated.sum() > 0
    html = " ".join(page.read_text().split())
    assert (
        "Background: fitted. Camera: gain 20 e-/ADU, EM gain 40, camera offset 100 ADU, read noise 0 e- (assumed)"
        in html
    )
    assert "standard error of photons, median" in html and " ± " in html and "SATURATED" in html


def test_a_run_with_everything_is_repeated_by_its_settings(sample, files):
    folder = files[0].parent
    maps = folder / "maps"
    maps.mkdir()
    random = np.random.default_rng(1)
    shape = sample.movie.shape[1:]
    np.save(maps / "offset.npy", random.normal(100, 2, shape))
    np.save(maps / "bad.npy", random.random(shape) < 0.02)
    np.save(maps / "bg.npy", random.uniform(5, 20, sample.movie.shape).astype("f4"))
    command(
        "integrate", *files, "--method", "optimal", "--size", SIZE, "--em-gain", 40, "--gain", 20, "--read-noise", 30, "--saturation", 240,
        "--offset-map", maps / "offset.npy", "--bad-pixels", maps / "bad.npy", "--background-map", maps / "bg.npy",
        "--details", "chi2,iterations", "--no-plot", "-o", folder / "a.hdf5",
    )  # fmt: skip
    lines = yaml.safe_load((folder / "a.settings.yaml").read_text())
    assert lines["offset_map"] == "maps/offset.npy" and "offset" not in lines and lines["background"] == "map"
    assert (lines["gain"], lines["em_gain"], lines["read_noise"]) == (20, 40, 30)
    said = command("integrate", "--settings", folder / "a.settings.yaml", "--no-plot", "-o", folder / "b.hdf5")
    assert "a.settings.yaml" in said
    assert read_locs(folder / "a.hdf5").tobytes() == read_locs(folder / "b.hdf5").tobytes()
    assert (folder / "b.settings.yaml").read_text() == (folder / "a.settings.yaml").read_text()
    command(
        "integrate",
        "--settings",
        folder / "a.settings.yaml",
        "--background",
        12,
        "--offset",
        100,
        "--no-plot",
        "-o",
        folder / "c.hdf5",
    )
    again = yaml.safe_load((folder / "c.settings.yaml").read_text())
    assert again["background"] == 12 and again["offset"] == 100 and not {"background_map", "offset_map"} & set(again)


def test_a_columns_background_is_repeated_where_it_is_not_the_methods_own(files):
    folder = files[0].parent
    command(
        "integrate",
        *files,
        "--method",
        "mle",
        "--background",
        "column",
        "--size",
        SIZE,
        "--no-plot",
        "-o",
        folder / "a.hdf5",
    )
    assert yaml.safe_load((folder / "a.settings.yaml").read_text())["background"] == "column"
    command("integrate", "--settings", folder / "a.settings.yaml", "--no-plot", "-o", folder / "b.hdf5")
    assert read_locs(folder / "a.hdf5").tobytes() == read_locs(folder / "b.hdf5").tobytes()
    command("integrate", *files, "--size", SIZE, "--no-plot", "-o", folder / "c.hdf5")
    assert "background" not in yaml.safe_load((folder / "c.settings.yaml").read_text())


def test_inspect_shows_what_would_be_used(files):
    said = " ".join(command("inspect", *files, "--method", "joint", "--size", SIZE, "--read-noise", 2).split())
    assert "method joint given" in said and "read noise 2 e- given" in said and "background fitted default" in said


# ------------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("--method", "joint", "--background", 20), "--background is 20, expected fitted for --method joint"),
        (("--method", "joint", "--background", "column"), "--background is column, expected fitted for --method joint"),
        (("--background", "fitted"), "--background is fitted, expected column, border_median, corrected_median, map, annulus_median, annulus_mean or annulus_clipped for --method filter"),
        (("--background", "map"), "--background map needs the map: --background-map FILE"),
        (("--background", "nan"), "--background is nan, expected a finite number"),
        (("--em-gain", 0.5), "--em-gain is 0.5, expected a finite number of at least 1"),
        (("--em-gain", "inf"), "--em-gain is inf, expected a finite number of at least 1"),
        (("--read-noise", -1), "--read-noise is -1, expected a finite number of 0 or more"),
        (("--saturation", 0), "--saturation is 0, expected a finite number above 0"),
        (("--method", "sum", "--details", "chi2"), "--details: chi2 is asked for, but --method sum has no model to compare the crop with"),
        (("--details", "iterations"), "--details: iterations is asked for, but --method filter does not iterate"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_option(arguments, sentence, files):
    before = sorted(files[0].parent.iterdir())
    assert refused("integrate", *files, "--size", SIZE, *arguments) == f"lumicrop: {sentence}"
    assert sorted(files[0].parent.iterdir()) == before


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--method", "guess"), "'guess' is not one of filter, sum, joint, optimal, mle"),
        (("--background", "median"), "'median' is neither a number of photons per pixel nor one of border-median, corrected-median, column"),
        (("--details", "chi"), "'chi' is none of the details: all, photons_sigma"),
        (("--details", ","), "',' is none of the details"),
    ],
)  # fmt: skip
def test_a_word_that_is_none_is_a_wrong_command_line(arguments, words, files):
    assert words in refused("integrate", *files, *arguments, exit_code=2)


def test_the_python_form_refuses_by_the_same_sentences(files):
    with pytest.raises(InputError, match="--background is 'median', expected a number or one of border_median, "):
        integrated(*files, size=SIZE, background="median")
    with pytest.raises(InputError, match="--details: 'chi' is none, expected all, or some of photons_sigma"):
        integrated(*files, size=SIZE, details=["chi"])
    assert len(integrated(*files, size=SIZE, background="Border-Median")) == 200


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("em_gain: high", "em_gain is 'high', expected a number"),
        ("background: [1]", "background is [1], expected a number or a word"),
        ("offset_map: 3", "offset_map is 3, expected the name of a file"),
        ("details: 3", "details is 3, expected a list of words"),
    ],
)
def test_a_wrong_line_of_a_settings_file_is_named(line, complaint, files):
    path = files[0].with_name("run.yaml")
    path.write_text(f"movie: movie.raw\ntable: locs.hdf5\nsize: 7\n{line}\n")
    assert f"{path}: {complaint}" in refused("integrate", "--settings", path)


# --------------------------------------------------------------------------------------------------- which gain it is


def em_sample(tmp_path):
    """Files that state a gain of 12 e-/ADU before an EM gain of 300."""
    made = Sample(tmp_path)
    write_raw(made.folder / "movie.raw", made.movie, **CAMERA | {"Sensitivity": 12.0, "Gain": 300})
    return made, (made.folder / "movie.raw", made.table_path)


@pytest.mark.parametrize(
    "said, gain, em_gain",
    [
        ({}, 12.0, 300.0),  # the metadata's
        ({"gain": 0.05}, 15.0, 300.0),  # behind the register, as it always was
        ({"gain": 13.0, "em_gain": 250.0}, 13.0, 250.0),  # before it
        ({"em_gain": 250.0}, 12.0, 250.0),
        ({"em_gain": 1.0}, 12.0, 1.0),  # the register was off
    ],
)
def test_a_gain_is_that_before_multiplication_where_an_em_gain_is_said_with_it(said, gain, em_gain, tmp_path):
    sample, files = em_sample(tmp_path)
    data = integrated(*files, method="mle", size=SIZE, read_noise=20.0, **said)
    used = data.attrs["lumicrop"]
    assert (used["gain"]["value"], used["em_gain"]["value"]) == (gain, em_gain)
    expected, _ = counted_directly(
        sample, ("photons", "photons_sigma"), method="mle", gain=gain, em_gain=em_gain, read_noise=20.0
    )
    np.testing.assert_array_equal(data["lumicrop_photons"], expected["photons"])
    np.testing.assert_array_equal(data["lumicrop_photons_sigma"], expected["photons_sigma"])


@pytest.mark.parametrize("method", ["sum", "filter"])
def test_an_em_gain_that_is_said_divides_also_where_noise_does_not_matter(method, sample, files):
    data = integrated(*files, method=method, size=SIZE, gain=12.0, em_gain=300.0)
    expected, _ = counted_directly(sample, ("photons", "background_photons"), method=method, gain=12.0, em_gain=300.0)
    np.testing.assert_array_equal(data["lumicrop_photons"], expected["photons"])
    np.testing.assert_array_equal(data["lumicrop_background"], expected["background_photons"])
    behind = integrated(*files, method=method, size=SIZE, gain=0.04)
    np.testing.assert_allclose(data["lumicrop_photons"], behind["lumicrop_photons"], rtol=1e-4, atol=1e-3)


def test_where_noise_does_not_matter_an_em_gain_of_the_metadata_changes_nothing(tmp_path):
    sample, files = em_sample(tmp_path)
    data = integrated(*files, method="sum", size=SIZE)
    assert "em_gain" not in data.attrs["lumicrop"] and data.attrs["lumicrop"]["gain"]["value"] == 12 / 300
    expected, _ = counted_directly(sample, ("photons",), method="sum", gain=12 / 300)
    np.testing.assert_array_equal(data["lumicrop_photons"], expected["photons"])


def test_an_em_gain_over_a_gain_of_unknown_kind_is_asked_about():
    saved = Request(gain=0.04, source="run.yaml")
    with pytest.raises(
        InputError, match="--em-gain is given, but the gain is that of run.yaml, which says none: give --gain, too"
    ):
        Request(em_gain=300.0).over(saved)
    assert Request(em_gain=300.0, gain=12.0).over(saved).gain == 12
    assert Request(em_gain=300.0).over(Request(gain=12.0, em_gain=250.0, source="run.yaml")).gain == 12


# ----------------------------------------------------------------------------------------------------------- aperture


def test_an_aperture_needs_a_radius_and_nobody_else_has_one(files):
    assert "give --aperture-px" in refused("integrate", *files, "--method", "aperture")
    assert "--aperture-px is for --method aperture, not mle" in refused(
        "integrate", *files, "--method", "mle", "--aperture-px", 3
    )
    said = refused("integrate", *files, "--method", "aperture", "--aperture-px", -2)
    assert "-2" in said and "aperture" in said


def test_crops_of_an_aperture_hold_it_and_a_border(files):
    by_itself = integrated(*files, method="aperture", aperture_px=2.6)
    asked = integrated(*files, method="aperture", aperture_px=2.6, size=(11, 11))  # 2 ceil(2.6 + 1.5) + 1
    other = integrated(*files, method="aperture", aperture_px=2.6, size=(13, 13))
    np.testing.assert_array_equal(by_itself["lumicrop_photons"], asked["lumicrop_photons"])
    assert not np.array_equal(other["lumicrop_photons"], asked["lumicrop_photons"])


def test_an_aperture_in_pixels_asks_for_no_pixel_size(tmp_path):
    random = np.random.default_rng(5)
    movie = random.poisson(40, (4, 30, 30)).astype("u2")
    np.save(tmp_path / "movie.npy", movie)
    x, y, frame = random.uniform(8, 20, 12), random.uniform(8, 20, 12), np.arange(12) % 4
    pandas.DataFrame({"x": x, "y": y, "t": frame}).to_csv(tmp_path / "spots.csv", index=False)
    found = integrated(
        tmp_path / "movie.npy", tmp_path / "spots.csv", columns={"x": "x", "y": "y", "frame": "t"}, unit="px",
        origin="first_pixel", first_frame=0, method="aperture", aperture_px=3, gain=1, offset=0, qe=1, size=(11, 11),
    )  # fmt: skip
    corner = [np.floor(at + 0.5).astype(int) - 5 for at in (x, y)]
    expected = lumicrop.integrate(
        lumicrop.Channel(movie, method="aperture", aperture_px=3, pixel_nm=100, gain=1, qe=1, crop_shape=(11, 11)),
        frame=frame, X0=corner[0], Y0=corner[1], x_fit=100 * x, y_fit=100 * y,
    )  # fmt: skip
    np.testing.assert_allclose(found["lumicrop_photons"], expected.photons, rtol=1e-6)
