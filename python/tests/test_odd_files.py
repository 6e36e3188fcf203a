"""Links, pipes, odd names, enormous lines, outputs that are inputs: each ends as it should, none harms a file."""

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from command_processes import CommandProcess, run_command, stalls_at
from movie_files import CAMERA, Sample, command, read_locs, write_raw
from refusals import folder_state, is_one_line, refused
from test_bad_input import TOLD, thunderstorm

GB = 1 << 30


@pytest.fixture
def sample(tmp_path):
    made = Sample(tmp_path)
    return made.movie_path, made.table_path


# ------------------------------------------------------------------------------------------------------ enormous lines


HEADS = {
    "thunderstorm": b'"frame","x [nm]","y [nm]","sigma [nm]","offset [photon]"\n1,900,900,120,3\n',
    "rapidstorm": b'# <localizations insequence="true" repetitions="variable"><field identifier="Position-0-0" syntax="floating point with . '
    b'for decimals and optional scientific e-notation" semantic="position in sample space in X" unit="nanometer" min="0 m" max="1e-6 m" />'
    b'<field identifier="Position-1-0" syntax="floating point" semantic="position in sample space in Y" unit="nanometer" min="0 m" '
    b'max="1e-6 m" /><field identifier="ImageNumber-0-0" syntax="integer" semantic="frame number" unit="frame" min="0 fr" />'
    b'</localizations>\n900 900 0\n',
    "own": b"a,b\n1,2\n",
    "nothing": b"",
}


@pytest.mark.parametrize("name", HEADS)
def test_a_line_of_2_gb_is_refused_in_seconds_and_with_little_memory(tmp_path, name):
    write_raw(tmp_path / "movie.raw", np.full((5, 24, 37), 9, "u2"), **CAMERA)
    for fill in (b"", b"7" * 5_000_000):
        table = tmp_path / "locs.csv"
        table.write_bytes(HEADS[name] + fill)
        os.truncate(table, 2 * GB)
        columns = ("--columns", "x=a,y=b", "--unit", "px", "--origin", "first_pixel", "--first-frame", 0) if name == "own" else ()
        ended = run_command(tmp_path, "integrate", "movie.raw", table.name, *columns, "--size", 7, "--quiet", within=20)
        assert ended.status == 1 and is_one_line(ended.err) and "locs.csv: " in ended.err, ended
        assert ended.peak_mb < 500
    assert sorted(os.listdir(tmp_path)) == ["locs.csv", "movie.raw", "movie.yaml"]


# -------------------------------------------------------------------------------------------------- neither file nor folder


def test_what_is_neither_file_nor_folder_is_refused_at_once(tmp_path, sample):
    movie, table = sample
    for name in ("pipe.raw", "pipe.csv", "pipe.tif"):
        os.mkfifo(tmp_path / name)
    for path in (tmp_path / "pipe.raw", tmp_path / "pipe.tif", "/dev/null", "/dev/zero"):
        refused(tmp_path, path, table, says=(str(path), "pipe or a device", "movie"))
    for path in (tmp_path / "pipe.csv", "/dev/null", "/dev/zero"):
        refused(tmp_path, movie, path, says=(str(path), "pipe or a device", "table"))
    for target in ("/dev/null", "/dev/full", tmp_path / "pipe.csv"):
        refused(tmp_path, movie, table, "--size", 7, "--plot", target, "--overwrite", says=(f"{target}: this is a device or a pipe"))
    assert Path("/dev/null").is_char_device()


def test_a_folder_in_a_file_s_place_is_refused(tmp_path, sample):
    movie, table = sample
    for name in ("a.raw", "a.csv", "a.hdf5", "a.yaml", "empty"):
        (tmp_path / name).mkdir()
    for path in ("a.raw", "empty"):
        refused(tmp_path, tmp_path / path, table, says=path)
    for path in ("a.csv", "a.hdf5", "empty"):
        refused(tmp_path, movie, tmp_path / path, says=path)
    for option in ("-o", "--plot", "--report"):
        name = "a.csv" if option == "-o" else "empty"
        refused(tmp_path, movie, table, "--size", 7, "--overwrite", option, tmp_path / name, says=f"{name}: this is a folder")
    refused(tmp_path, movie, table, "--settings", tmp_path / "a.yaml", says="a.yaml: Is a directory")
    refused(tmp_path, movie, table, "--size", 7, "-o", tmp_path / "none" / "out.hdf5", says="none: this folder does not exist")
    refused(tmp_path, movie, table, "--size", 7, "-o", table / "out.hdf5", says="locs.hdf5: this folder does not exist")


def test_links_that_lead_in_a_circle_are_named(tmp_path, sample):
    movie, table = sample
    for ending in ("raw", "tif", "npy", "h5", "zarr", "csv", "hdf5", "yaml", "png"):
        (tmp_path / f"a.{ending}").symlink_to(f"b.{ending}")
        (tmp_path / f"b.{ending}").symlink_to(f"a.{ending}")
    for ending in ("raw", "tif", "npy", "h5", "zarr"):
        refused(tmp_path, tmp_path / f"a.{ending}", table, says=f"a.{ending}: ")
    for ending in ("csv", "hdf5"):
        refused(tmp_path, movie, tmp_path / f"a.{ending}", says=f"a.{ending}: ")
    refused(tmp_path, movie, table, "--settings", tmp_path / "a.yaml", says="a.yaml: ")
    refused(tmp_path, movie, table, "--size", 7, "--no-plot", "-o", tmp_path / "a.hdf5", says="a.yaml exists already")
    refused(tmp_path, movie, table, "--size", 7, "--plot", tmp_path / "a.png", says="a.png exists already")


# ------------------------------------------------------------------------------------------- outputs and inputs that meet


def test_a_file_that_is_read_is_not_written_by_another_name(tmp_path, sample):
    movie, table = sample
    settings = tmp_path / "my.yaml"
    settings.write_text("size: [7, 7]\n")
    (tmp_path / "link.hdf5").symlink_to(table.name)
    (tmp_path / "link.png").symlink_to(movie.name)
    (tmp_path / "folder").symlink_to(".")
    for more in (
        ("-o", table), ("-o", tmp_path / "link.hdf5"), ("--plot", tmp_path / "link.png"), ("--report", movie.with_suffix(".yaml")),
        ("-o", tmp_path / "folder" / "locs.hdf5"), ("--plot", table.with_suffix(".yaml")), ("--plot", settings, "--settings", settings),
    ):  # fmt: skip
        refused(tmp_path, movie, table, "--size", 7, "--overwrite", *more, says="this file is read")
    refused(tmp_path, movie, movie, "--size", 7, says="movie.raw: ")
    refused(tmp_path, table, table, "--size", 7, says="locs.hdf5: ")


def test_a_hard_link_to_an_input_is_replaced_and_the_input_stays(tmp_path, sample):
    movie, table = sample
    os.link(table, tmp_path / "out.hdf5")
    before = table.read_bytes()
    refused(tmp_path, movie, table, "--size", 7, "-o", tmp_path / "out.hdf5", says="out.hdf5 exists already")
    command("integrate", movie, table, "--size", 7, "--no-plot", "-o", tmp_path / "out.hdf5", "--overwrite")
    assert table.read_bytes() == before and "lumicrop_photons" in read_locs(tmp_path / "out.hdf5").dtype.names


def test_a_link_into_nothing_is_not_taken_for_a_free_name(tmp_path, sample):
    (tmp_path / "out.hdf5").symlink_to("elsewhere.hdf5")
    refused(tmp_path, *sample, "--size", 7, "-o", tmp_path / "out.hdf5", says="out.hdf5 exists already")


def test_outputs_need_names_of_their_own(tmp_path, sample):
    same = tmp_path / "a.png"
    (tmp_path / "b").symlink_to(".")
    out = ("-o", tmp_path / "out.hdf5")
    for more in (
        ("--plot", same, "--report", same), ("--plot", same, "--report", tmp_path / "b" / "a.png"), (*out, "--report", tmp_path / "out.hdf5"),
        (*out, "--report", tmp_path / "out.settings.yaml"), (*out, "--plot", tmp_path / "out.yaml"),
    ):  # fmt: skip
        refused(tmp_path, *sample, "--size", 7, *more, says="need different names")


def test_a_failure_while_files_are_put_in_place_brings_the_old_ones_back(tmp_path, sample, monkeypatch):
    command("integrate", *sample, "--size", 7, "--no-plot")
    replace = os.replace
    for number in range(3):
        left = [number]

        def fails(source, target, left=left):
            left[0] -= 1
            if left[0] == -1:
                raise OSError(5, "Input/output error", str(source), None, str(target))
            replace(source, target)

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", fails)
            line = refused(tmp_path, *sample, "--size", 9, "--no-plot", "--overwrite", says="Input/output error")
        assert "/." not in line  # no hidden name


@pytest.mark.parametrize("overwrite", [False, True])
def test_of_two_runs_into_the_same_files_one_wins_whole(tmp_path, sample, overwrite):
    names = ("locs_lumicrop.settings.yaml", "locs_lumicrop.yaml", "locs_lumicrop.hdf5")

    def content():
        return [(tmp_path / name).read_bytes() for name in names]

    given, alone = {}, {}
    for size in (5, 9):
        given[size] = ("integrate", "movie.raw", "locs.hdf5", "--size", size, "-q", "--no-plot", *["--overwrite"] * overwrite)
        run_command(tmp_path, *given[size])
        alone[size] = content()
        for name in names:
            (tmp_path / name).unlink()
    slowly = {"prepare": [(stalls_at, "os:replace", tmp_path.with_name("marker"), 0.1)]}
    with CommandProcess(tmp_path, *given[5], **slowly) as first, CommandProcess(tmp_path, *given[9], **slowly) as second:
        ended = first.ended(), second.ended()
    assert [each.status for each in ended].count(0) == (2 if overwrite else 1)
    for each in ended:
        assert each.err == "" if each.status == 0 else is_one_line(each.err) and "exists already" in each.err
    assert content() in alone.values()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


# ---------------------------------------------------------------------------------------------------------------- names


NAMES = [
    "-a\nb  фильм 日本 🔬 [red]:tada: \x1b[31m 100%$x$_{ \\ '\"" + os.fsdecode(b"caf\xe9\xff") + " ",  # whatever confuses anybody
    "--quiet",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_read_written_and_shown(tmp_path, name):
    made = Sample(tmp_path)
    for path in (made.movie_path, made.movie_path.with_suffix(".yaml")):
        path.rename(path.with_stem(name))
    made.table_path.rename(tmp_path / f"{name}.hdf5")
    (tmp_path / "locs.yaml").unlink()
    pictures = ("--no-plot",) if name == "--quiet" else ("--report", f"{name}.html")
    given = ("integrate", "--size", "7", "--no-check-origin", *pictures, "-o", f"{name}.out.hdf5", "--", f"{name}.raw", f"{name}.hdf5")
    quiet = run_command(tmp_path, *given[:1], "--quiet", *given[1:])
    assert (quiet.status, quiet.out, quiet.err) == (0, "", "")
    with h5py.File(os.fsencode(tmp_path / f"{name}.out.hdf5")) as file:
        assert "lumicrop_photons" in file["locs"].dtype.names
    before = folder_state(tmp_path)
    again = run_command(tmp_path, *given)
    assert again.status == 1 and is_one_line(again.err) and "\x1b" not in again.err and " exists already" in again.err
    absent = run_command(tmp_path, "integrate", "--json", "--", f"{name}.absent.raw", f"{name}.hdf5")
    assert absent.status == 1 and is_one_line(absent.err) and "\x1b" not in absent.err
    assert set(json.loads(absent.out)) == {"error"}
    assert folder_state(tmp_path) == before
    shown = run_command(tmp_path, "integrate", "--settings", f"./{name}.out.settings.yaml", "-o", f"./{name}.2.hdf5", "--no-plot")
    assert shown.status == 0 and shown.err == "" and "\x1b" not in shown.out
    both = [read_locs(os.fsencode(tmp_path / f"{name}.{number}.hdf5"))["lumicrop_photons"] for number in ("out", "2")]
    np.testing.assert_array_equal(*both)


def test_a_name_as_long_as_names_may_be_is_written(tmp_path, sample):
    for letter in "aé":
        stem = letter * ((255 - len(".settings.yaml")) // len(letter.encode()))
        command("integrate", *sample, "--size", 7, "--no-plot", "-o", tmp_path / f"{stem}.hdf5")
    refused(tmp_path, *sample, "--size", 7, "--no-plot", "-o", tmp_path / ("a" * 256 + ".hdf5"), says="File name too long")
    refused(tmp_path, tmp_path / ("a" * 256 + ".raw"), thunderstorm(tmp_path / "t.csv"), *TOLD, says="File name too long")
