"""The command as people use it: what it writes, what it says, how it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import h5py
import matplotlib.image
import numpy as np
import pandas
import pytest
import tifffile
import yaml
from movie_files import CAMERA, Sample, command, folder_content, read_locs, write_picasso, write_thunderstorm
from typer.testing import CliRunner

import lumicrop
from lumicrop import integrate_command, report
from lumicrop.command import app
from lumicrop.input_error import InputError
from lumicrop.report import picture

PROGRAM = [sys.executable, "-m", "lumicrop.command"]
GIB = 1 << 30


@pytest.fixture
def sample(tmp_path):
    """Paths of a movie and its table, in a folder of their own."""
    made = Sample(tmp_path)
    return made.movie_path, made.table_path


def sparse_movie(path, gigabytes):
    """A movie of zeros that takes no room on the disk; 1024 x 1024 pixels a frame."""
    n_frames = gigabytes * GIB // (2 << 20)
    with open(path, "wb") as file:
        file.truncate(n_frames * (2 << 20))
    description = {"Byte Order": "<", "Data Type": "uint16", "Frames": n_frames, "Height": 1024, "Width": 1024}
    path.with_suffix(".yaml").write_text(yaml.safe_dump(description | CAMERA))
    return n_frames


# ------------------------------------------------------------------------------------------------------- what it writes


def test_a_table_comes_back_with_photons_beside_what_it_had(sample):
    movie, table = sample
    said = command("integrate", movie, table, "--size", 7)
    out = table.with_name("locs_lumicrop.hdf5")
    before, after = read_locs(table), read_locs(out)
    assert [after[name].tobytes() for name in before.dtype.names] == [
        before[name].tobytes() for name in before.dtype.names
    ]
    added = after.dtype.names[len(before.dtype.names) :]
    assert added == (
        "lumicrop_photons",
        "lumicrop_background",
        "lumicrop_psf_sum",
        "lumicrop_denominator",
        "lumicrop_neighbours",
        "lumicrop_flags",
        "lumicrop_reason",
    )
    counted = np.isfinite(after["lumicrop_photons"])
    assert counted.sum() > 150 and ((after["lumicrop_reason"] == b"") == counted).all()
    assert set(after["lumicrop_reason"][~counted]) == {b"position outside the frame"}
    for path in (out, out.with_suffix(".yaml"), out.with_suffix(".png"), out.with_suffix(".settings.yaml")):
        assert f"wrote {path}" in said and path.exists()
    record = list(yaml.safe_load_all(out.with_suffix(".yaml").read_text()))[-1]
    assert record["lumicrop.movie"] == "movie.raw" and record["lumicrop.crop size"] == "7 x 7 px (given)"


def test_what_was_used_and_what_came_of_it_is_shown(sample):
    said = command("integrate", *sample, "--size", "7x9", "--no-plot", "--backend", "cpu", "--threads", 1)
    for expected in ("7 x 9 px", "movie.yaml: Sensitivity / Gain", "movie.yaml: Baseline", "photoelectrons", "locs.hdf5: sx, sy",
                     "200, of which", "frames read", "photons, 5/50/95 %", "crops/s", "cpu (1 threads", "photons / the table's own"):  # fmt: skip
        assert expected in said
    assert not list(sample[0].parent.glob("*.png"))


def test_quiet_says_nothing(sample):
    assert command("integrate", *sample, "--quiet") == ""


def test_a_csv_comes_back_as_a_csv_with_units_in_its_names(tmp_path):
    tifffile.imwrite(
        tmp_path / "movie.tif", np.random.default_rng(1).integers(90, 200, (3, 20, 20)).astype("u2"), imagej=True
    )
    table = write_thunderstorm(
        tmp_path / "locs.csv",
        frame=[1, 3, 9],
        x__nm=[900, 950, 1000],
        y__nm=[800] * 3,
        sigma__nm=[120] * 3,
        offset__photon=[5] * 3,
    )
    said = command("integrate", tmp_path / "movie.tif", table, "-o", tmp_path / "out.csv", "--pixel-nm", 100)
    assert "assumed: nobody says" in said and "1 not counted: frame not in the movie" in said
    header, *rows = (tmp_path / "out.csv").read_text().splitlines()
    assert header.endswith(
        '"lumicrop_photons [photon]","lumicrop_background [photon]","lumicrop_psf_sum","lumicrop_denominator","lumicrop_neighbours","lumicrop_flags","lumicrop_reason"'
    )
    assert rows[2] == "9,1000,800,120,5,NaN,NaN,NaN,NaN,0,512,frame not in the movie" and len(rows) == 3


def test_the_picture_can_be_looked_at(sample, monkeypatch):
    drawn = []
    savefig = picture.Figure.savefig

    def save_and_keep(figure, *arguments, **options):
        drawn.append(figure)
        savefig(figure, *arguments, **options)

    monkeypatch.setattr(picture.Figure, "savefig", save_and_keep)
    command("integrate", *sample, "--size", 7, "--plot", sample[0].with_name("look.png"))
    pixels = matplotlib.image.imread(sample[0].with_name("look.png"))
    assert pixels.shape[0] > 600 and pixels.shape[1] > 1000 and pixels[..., :3].std() > 0.05
    (figure,) = drawn
    histogram, over_frames, *crops = figure.get_axes()
    assert [axes.get_title() for axes in (histogram, over_frames)] == ["Photons", "Photons over frames"]
    assert len(crops) == 12 and all(axes.images and axes.lines and "photons" in axes.get_title() for axes in crops)
    photons = [float(axes.get_title().split(" ")[0].replace(",", "").replace("−", "-")) for axes in crops]
    assert photons == sorted(photons)


@pytest.mark.parametrize("n", [1, 2])
def test_a_picture_of_almost_nothing_is_drawn_too(tmp_path, n):
    made = Sample(tmp_path, n=n)
    made.columns["x"][:] = np.nan if n == 1 else 12
    made.columns["y"][:] = 12
    command("integrate", made.movie_path, made.table_path, "--size", 7)
    assert matplotlib.image.imread(tmp_path / "locs_lumicrop.png").ndim == 3


def test_simulated_photons_come_back(tmp_path):
    movie = tmp_path / "movie.raw"
    command("simulate", movie, "--molecules", 400, "--seed", 7)
    for method in ("filter", "sum"):
        out = tmp_path / f"{method}.hdf5"
        assert "photons / the table's own" in command(
            "integrate", movie, tmp_path / "movie_truth.hdf5", "-o", out, "--method", method, "--size", 11
        )
        locs = read_locs(out)
        assert np.median(locs["lumicrop_photons"] / locs["photons"]) == pytest.approx(1, abs=0.02)


def test_simulated_photons_come_back_from_tiff_and_csv(tmp_path):
    movie = tmp_path / "movie.tif"
    said = command("simulate", movie, "--molecules", 300, "--frames", 100, "--qe", 0.8)
    assert "--gain 0.5 --offset 100 --qe 0.8" in said
    said = command("integrate", movie, tmp_path / "movie_truth.csv", "--gain", 0.5, "--offset", 100, "--qe", 0.8)
    rows = np.loadtxt(tmp_path / "movie_truth_lumicrop.csv", delimiter=",", skiprows=1, usecols=range(8))
    assert np.median(rows[:, 7] / rows[:, 5]) == pytest.approx(1, abs=0.02)


def test_a_run_is_repeated_by_its_settings(sample):
    movie, table = sample
    command("integrate", movie, table, "--method", "sum", "--size", 7, "--gain", 0.25, "--padding", "none", "-o", table.with_name("a.hdf5"))
    settings = table.with_name("a.settings.yaml")
    said = command("integrate", "--settings", settings, "-o", table.with_name("b.hdf5"))
    assert "a.settings.yaml" in said
    assert read_locs(table.with_name("b.hdf5")).tobytes() == read_locs(table.with_name("a.hdf5")).tobytes()
    assert table.with_name("b.settings.yaml").read_text() == settings.read_text()
    command("integrate", "--settings", settings, "--gain", 0.5, "-o", table.with_name("c.hdf5"))
    photons = [read_locs(table.with_name(name))["lumicrop_photons"] for name in ("a.hdf5", "c.hdf5")]
    np.testing.assert_allclose(photons[1], 2 * photons[0], rtol=1e-12)


def test_machines_get_one_json_document(sample):
    movie, table = sample
    found = json.loads(command("integrate", movie, table, "--size", 7, "--json"))
    locs = read_locs(table.with_name("locs_lumicrop.hdf5"))
    counted = np.isfinite(locs["lumicrop_photons"])
    assert found["detections"]["rows"] == 200 and found["detections"]["counted"] == counted.sum()
    assert found["detections"]["without_photons"] == {"position outside the frame": int((~counted).sum())}
    assert found["photons"]["p50"] == pytest.approx(np.median(locs["lumicrop_photons"][counted]))
    assert found["settings"]["gain"] == {"value": 0.5, "source": "movie.yaml: Sensitivity / Gain", "assumed": False}
    assert found["movie"]["frames"] == 30 and found["table"]["format"] == "Picasso hdf5"
    assert str(table.with_name("locs_lumicrop.hdf5")) in found["written"]
    refused = CliRunner().invoke(app, ["integrate", str(movie), str(table), "--json"])
    assert refused.exit_code == 1 and "exists already" in json.loads(refused.stdout)["error"]


def test_strict_writes_nothing_where_a_row_cannot_be_counted(sample):
    before = folder_content(sample[0].parent)
    said = command("integrate", *sample, "--size", 7, "--strict", "--quiet", exit_code=1)
    assert "--strict refuses such rows" in said and said.count("\n") == 1
    assert folder_content(sample[0].parent) == before


def test_inspect_says_what_files_are_and_what_would_be_assumed(sample):
    movie, table = sample
    before = folder_content(movie.parent)
    said = command("inspect", movie)
    assert "30 frames of 24 x 37 px, uint16" in said and "says pixel size 100 nm (movie.yaml: Pixelsize)" in said
    said = command("inspect", movie, table)
    assert "200 rows, columns frame, x, y" in said and "positions in px from the first pixel's centre, frames from 0" in said
    assert "assumed: 2 ceil(3 sigma) + 1" in said
    found = json.loads(command("inspect", movie, table, "--json"))
    assert found["settings"]["model"]["value"] == "gauss" and found["table"]["rows"] == 200
    assert folder_content(movie.parent) == before


def test_inspect_tells_the_question_that_integrate_would_ask(data_folder):
    picasso = data_folder / "picasso"
    said = command("inspect", picasso / "testdata.raw", picasso / "testdata_locs.hdf5")
    assert "integrate would stop and ask: the sources disagree on the pixel size" in said


def test_any_table_may_be_written_as_a_plain_one(sample):
    movie, table = sample
    command("integrate", movie, table, "--size", 7, "--no-plot")
    locs = read_locs(table.with_name("locs_lumicrop.hdf5"))
    for ending in ("csv", "parquet"):
        out = table.with_name(f"plain.{ending}")
        command("integrate", movie, table, "--size", 7, "--no-plot", "-o", out, "--overwrite")
        data = pandas.read_csv(out) if ending == "csv" else pandas.read_parquet(out)
        assert len(data) == len(locs) and list(data.columns)[:8] == list(locs.dtype.names)[:8]
        photons = data["lumicrop_photons [photon]" if ending == "csv" else "lumicrop_photons"].to_numpy()
        np.testing.assert_array_equal(photons, locs["lumicrop_photons"])
    assert sorted(path.name for path in table.parent.glob("plain*")) == ["plain.csv", "plain.parquet", "plain.settings.yaml"]


def test_a_table_of_no_known_program_is_read_as_told(tmp_path):
    made = Sample(tmp_path)
    rows = np.column_stack([made.columns[name] for name in ("frame", "x", "y", "bg")]) + [1, 1, 1, 0]
    np.savetxt(tmp_path / "own.csv", rows, delimiter=",", header="t,col,row,sky", comments="", fmt="%.9g")
    arguments = ["integrate", made.movie_path, tmp_path / "own.csv", "--size", 7, "--sigma-nm", 120, "--no-plot"]
    columns = ["--columns", "frame=t,x=col,y=row,background=sky"]
    assert "--columns" in command(*arguments, exit_code=1)
    meaning = ["--unit", "px", "--origin", "first_pixel", "--first-frame", 1, "--first-pixel-at", 1]
    for left_out in (0, 2, 4):
        assert meaning[left_out] in command(*arguments, *columns, *meaning[:left_out], *meaning[left_out + 2 :], exit_code=1)
    command(*arguments, *columns, *meaning)
    by_picasso = tmp_path / "picasso.hdf5"
    command("integrate", made.movie_path, made.table_path, "--size", 7, "--sigma-nm", 120, "--no-plot", "-o", by_picasso)
    expected = read_locs(by_picasso)["lumicrop_photons"]
    photons = pandas.read_csv(tmp_path / "own_lumicrop.csv")["lumicrop_photons [photon]"].to_numpy()
    np.testing.assert_allclose(photons, expected, rtol=2e-3)
    assert "columns:" in (tmp_path / "own_lumicrop.settings.yaml").read_text()
    command("integrate", "--settings", tmp_path / "own_lumicrop.settings.yaml", "-o", tmp_path / "again.csv", "--no-plot")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "own_lumicrop.csv").read_bytes()


# --------------------------------------------------------------------------------------------------------- how it ends


def test_sources_that_disagree_stop_it_with_both_named(data_folder, tmp_path):
    picasso = data_folder / "picasso"
    arguments = ["integrate", picasso / "testdata.raw", picasso / "testdata_locs.hdf5", "-o", tmp_path / "out.hdf5"]
    said = command(*arguments, exit_code=1)
    assert "160 (testdata.yaml: Camera.Pixelsize)" in said and "130 (testdata_locs.yaml, document 2: Pixelsize)" in said
    assert "--pixel-nm" in said and said.count("\n") == 1
    assert folder_content(tmp_path) == {}
    said = command(*arguments, "--pixel-nm", 160)
    assert "0.9802 / 0.9907 / 0.9995" in said and "564, of which 564 counted" in said
    assert sorted(folder_content(tmp_path)) == ["out.hdf5", "out.png", "out.settings.yaml", "out.yaml"]


def test_what_exists_is_not_overwritten_unless_asked(sample):
    out = sample[1].with_name("locs_lumicrop.hdf5")
    for taken in (out, out.with_suffix(".yaml"), out.with_suffix(".png"), out.with_suffix(".settings.yaml")):
        taken.write_bytes(b"mine")
        before = folder_content(out.parent)
        assert f"{taken} exists already" in command("integrate", *sample, exit_code=1)
        assert folder_content(out.parent) == before
        taken.unlink()
    out.write_bytes(b"mine")
    command("integrate", *sample, "--overwrite")
    assert h5py.is_hdf5(out)


def test_input_is_never_overwritten(sample):
    movie, table = sample
    before = folder_content(table.parent)
    for out in (table, table.with_name("movie.hdf5")):  # the second one's yaml is the movie's
        assert "is read" in command("integrate", movie, table, "-o", out, "--overwrite", exit_code=1)
    assert "is read" in command("integrate", movie, table, "--plot", movie, "--overwrite", exit_code=1)
    assert "ends in .hdf5" in command("integrate", movie, table, "-o", table.with_name("out.txt"), exit_code=1)
    assert folder_content(table.parent) == before


@pytest.mark.parametrize("module, name", [(integrate_command, "count_movie"), (report, "draw_report")])
def test_a_failure_on_the_way_leaves_nothing_behind(sample, monkeypatch, module, name):
    before = folder_content(sample[1].parent)

    def fail(*_, **__):
        raise OSError(28, "No space left on device", "out.hdf5")

    monkeypatch.setattr(module, name, fail)
    assert command("integrate", *sample, "--size", 7, exit_code=1).endswith(
        "lumicrop: out.hdf5: No space left on device\n"
    )
    assert folder_content(sample[1].parent) == before


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_behind_and_ends_with_130(tmp_path, sent):
    n_frames = sparse_movie(tmp_path / "movie.raw", 64)  # more than can be read before the signal comes
    n = 1000
    write_picasso(
        tmp_path / "locs.hdf5",
        frame=np.linspace(0, n_frames - 1, n).astype("u4"),
        x=np.full(n, 50.0),
        y=np.full(n, 50.0),
    )
    before = sorted(path.name for path in tmp_path.iterdir())
    program = [*PROGRAM, "integrate", "movie.raw", "locs.hdf5", "--method", "sum", "--size", "9"]
    process = subprocess.Popen(
        program, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job would ignore it
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while not any(path.name.startswith(".locs_lumicrop") for path in tmp_path.iterdir()):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(sent)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert re.fullmatch(r"lumicrop: interrupted (while [a-z ]+|after [\d,]+ of 1,000 detections of movie.raw); nothing was written\n", said)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [[], ["integrate"], ["integrate", "movie.raw"], ["integrate", "a.raw", "b.csv", "--size", "big"], ["unknown"],
     ["integrate", "a.raw", "b.csv", "--method", "guess"], ["integrate", "a.raw", "b.csv", "--gain", "much"],
     ["integrate", "a.raw", "b.csv", "--threads", "-1"], ["integrate", "a.raw", "b.csv", "--columns", "x"],
     ["integrate", "a.raw", "b.csv", "--pixel-nm", "1x"], ["integrate", "a.raw", "b.csv", "--unit", "m"], ["inspect"], ["simulate"]],
)  # fmt: skip
def test_a_wrong_command_line_ends_with_2(arguments):
    command(*arguments, exit_code=2)


def test_wrong_input_ends_with_1_and_one_line(sample):
    movie, table = sample
    for arguments, expected in (
        ((table.with_name("absent.raw"), table), "absent.raw: No such file or directory"),
        ((movie, table.with_name("absent.csv")), "absent.csv: No such file or directory"),
        ((movie, table, "-o", table.parent / "nowhere" / "out.hdf5"), "nowhere: this folder does not exist"),
        ((movie, table, "--gain", 0), "--gain is 0"),
        ((movie, movie.with_suffix(".yaml")), "movie.yaml:"),
    ):
        said = command("integrate", *arguments, "--quiet", exit_code=1)
        assert expected in said and said.startswith("lumicrop: ") and said.count("\n") == 1


def test_debug_shows_where_an_error_arose(sample):
    arguments = ["integrate", *map(str, sample), "--gain", "0"]
    assert isinstance(CliRunner().invoke(app, [*arguments, "--debug"]).exception, InputError)
    assert isinstance(CliRunner().invoke(app, arguments).exception, SystemExit)


def test_a_backend_that_cannot_be_used_says_why(sample):
    if any(backend.name == "cuda" and backend.usable for backend in lumicrop.backends()):
        pytest.skip("here CUDA can be used")
    before = folder_content(sample[1].parent)
    said = command("integrate", *sample, "--backend", "cuda", "--quiet", exit_code=1)
    assert said.startswith("lumicrop: ") and said.count("\n") == 1 and len(said) > 30
    assert folder_content(sample[1].parent) == before


def test_info_tells_compiled_in_found_and_usable_apart():
    said = command("info")
    assert lumicrop.__version__ in said
    for backend in lumicrop.backends():
        row = next(line for line in said.splitlines() if line.startswith(f"│ {backend.name} "))
        cells = [cell.strip() for cell in row.strip("│").split("│")]
        assert cells[1:4] == [
            "yes" if answer else "no" for answer in (backend.compiled_in, backend.found, backend.usable)
        ]
        assert cells[5] and backend.reason.startswith(cells[5])


# ------------------------------------------------------------------------------------------------------------- memory


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the peak of memory is read from /proc")
def test_a_movie_of_2_gb_takes_less_than_400_mb(tmp_path):
    n_frames = sparse_movie(tmp_path / "movie.raw", 2)
    n = 3 * n_frames
    random = np.random.default_rng(1)
    frame = random.permutation(np.arange(n) % n_frames).astype("u4")
    write_picasso(tmp_path / "locs.hdf5", frame=frame, x=random.uniform(0, 1023, n), y=random.uniform(0, 1023, n))
    script = (
        "import sys; from lumicrop.command import app; app(sys.argv[1:], standalone_mode=False);"
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    arguments = [
        "integrate",
        str(tmp_path / "movie.raw"),
        str(tmp_path / "locs.hdf5"),
        "--method",
        "sum",
        "--size",
        "9",
    ]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    assert f"frames read {n_frames:,}" in " ".join(done.stdout.split())
    kilobytes = int(done.stdout.split("VmHWM:")[1].split()[0])
    assert kilobytes < 400_000, f"peak of {kilobytes / 1e3:.0f} MB"
    assert (read_locs(tmp_path / "locs_lumicrop.hdf5")["lumicrop_photons"] == 0).all()


def test_detections_of_several_channels_are_warned_of(tmp_path):
    made = Sample(tmp_path)
    rows = [f"{number % 2},{number},{1000 + number},{900},0,500,20" for number in range(30)]
    table = tmp_path / "locs.csv"
    table.write_text("Channel,Frame,X (nm),Y (nm),Z (nm),Photons,Background\n" + "\n".join(rows) + "\n")
    options = ["--pixel-nm", 100, "--sigma-nm", 130, "--no-check-origin"]
    said = command("inspect", made.movie_path, table, *options)
    assert "locs.csv has detections of the channels 0, 1" in said
    found = json.loads(command("integrate", made.movie_path, table, *options, "--no-plot", "--json"))
    assert any("channels 0, 1" in warning for warning in found["warnings"])
