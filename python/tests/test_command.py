"""The command as people use it: what it writes, what it says, how it ends."""

import os
import signal
import subprocess
import sys
import time

import h5py
import matplotlib.image
import numpy as np
import pytest
import tifffile
import yaml
from movie_files import CAMERA, Sample, command, folder_content, read_locs, write_picasso, write_thunderstorm
from typer.testing import CliRunner

import lumicrop
from lumicrop import integrate_command, report
from lumicrop.command import app
from lumicrop.input_error import InputError

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
        "lumicrop_flags",
    )
    assert np.isfinite(after["lumicrop_photons"]).sum() > 150
    for path in (out, out.with_suffix(".yaml"), out.with_suffix(".png")):
        assert f"wrote {path}" in said and path.exists()
    record = list(yaml.safe_load_all(out.with_suffix(".yaml").read_text()))[-1]
    assert record["lumicrop.movie"] == "movie.raw" and record["lumicrop.crop size"] == "7 x 7 px (given)"


def test_what_was_used_and_what_came_of_it_is_shown(sample):
    said = command("integrate", *sample, "--size", "7x9", "--no-plot", "--backend", "cpu", "--threads", 1)
    for expected in ("7 x 9 px", "movie.yaml: Sensitivity / Gain", "movie.yaml: Baseline", "photoelectrons", "locs.hdf5: sx, sy",
                     "200, of which", "frames read", "photons, median", "crops/s", "cpu (1 threads", "photons / the table's own"):  # fmt: skip
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
    assert "assumed: nobody says" in said and "1 lie in frames that the movie does not have" in said
    header, *rows = (tmp_path / "out.csv").read_text().splitlines()
    assert header.endswith(
        '"lumicrop_photons [photon]","lumicrop_background [photon]","lumicrop_psf_sum","lumicrop_denominator","lumicrop_flags"'
    )
    assert rows[2] == "9,1000,800,120,5,NaN,NaN,NaN,NaN,512" and len(rows) == 3


def test_the_picture_can_be_looked_at(sample, monkeypatch):
    drawn = []
    savefig = report.Figure.savefig

    def save_and_keep(figure, *arguments, **options):
        drawn.append(figure)
        savefig(figure, *arguments, **options)

    monkeypatch.setattr(report.Figure, "savefig", save_and_keep)
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
    rows = np.loadtxt(tmp_path / "movie_truth_lumicrop.csv", delimiter=",", skiprows=1)
    assert np.median(rows[:, 7] / rows[:, 5]) == pytest.approx(1, abs=0.02)


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
    assert sorted(folder_content(tmp_path)) == ["out.hdf5", "out.png", "out.yaml"]


def test_what_exists_is_not_overwritten_unless_asked(sample):
    out = sample[1].with_name("locs_lumicrop.hdf5")
    for taken in (out, out.with_suffix(".yaml"), out.with_suffix(".png")):
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
    assert "ends in .hdf5" in command("integrate", movie, table, "-o", table.with_name("out.csv"), exit_code=1)
    assert folder_content(table.parent) == before


@pytest.mark.parametrize("module, name", [(integrate_command, "integrate_movie"), (report, "draw_report")])
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
    assert (process.returncode, said) == (130, "lumicrop: interrupted, nothing was written\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [[], ["integrate"], ["integrate", "movie.raw"], ["integrate", "a.raw", "b.csv", "--size", "big"], ["unknown"],
     ["integrate", "a.raw", "b.csv", "--method", "guess"], ["integrate", "a.raw", "b.csv", "--gain", "much"],
     ["integrate", "a.raw", "b.csv", "--threads", "-1"], ["simulate"]],
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
        ((movie, movie.with_suffix(".yaml")), "movie.yaml: a table's name ends in"),
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
