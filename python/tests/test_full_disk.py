"""A disk that is full, a folder that cannot be written to, a file that must not be read: named, and nothing changed."""

import errno
import os
import shutil
import subprocess

import command_processes as processes
import numpy as np
import pytest
from command_processes import run_command
from movie_files import Sample, write_picasso, write_raw, write_thunderstorm
from refusals import folder_state, is_one_line
from test_bad_input import SUM, thunderstorm, write_format

N_ROWS = 3000
PLAIN_FORMATS = {"csv": "plain.csv", "parquet": "plain.parquet"}
FORMATS = ("picasso", "thunderstorm", "decode", "smap", "storm", "insight3")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A movie and the same table in every format, never changed."""
    folder = tmp_path_factory.mktemp("inputs")
    write_raw(folder / "movie.raw", np.full((5, 24, 37), 9, "u2"))
    for name in FORMATS:
        (folder / name).mkdir()
        write_format(folder / name, name, n=N_ROWS, x=np.random.default_rng(1).uniform(5, 20, N_ROWS))
    return folder


def table_in(inputs, name):
    return next(path for path in (inputs / name).iterdir() if path.suffix != ".yaml")


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True
    ).returncode == 0  # fmt: skip
    if not mounted:
        pytest.skip("a small disk can be mounted by root only, where it may")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", [*FORMATS, *PLAIN_FORMATS])
def test_a_table_for_which_there_is_no_room_is_named_and_the_old_one_stays(inputs, small_disk, name):
    source = table_in(inputs, "picasso" if name in PLAIN_FORMATS else name)
    out = small_disk / PLAIN_FORMATS.get(name, f"out{source.suffix}")
    for path in (out, out.with_suffix(".settings.yaml")):
        path.write_bytes(b"mine")
    before = folder_state(small_disk)
    ended = run_command(inputs, "integrate", "movie.raw", source, *SUM, "-o", out, "--overwrite", "--quiet", "--no-check-origin")
    assert ended.status == 1 and ended.out == "" and is_one_line(ended.err), ended
    assert f"{out.stem}." in ended.err and os.strerror(errno.ENOSPC) in ended.err and "." + out.stem not in ended.err
    assert folder_state(small_disk) == before


@pytest.mark.parametrize("name", [*FORMATS, *PLAIN_FORMATS])
def test_a_file_that_may_grow_no_further_is_named(inputs, tmp_path, name):
    source = table_in(inputs, "picasso" if name in PLAIN_FORMATS else name)
    out = tmp_path / PLAIN_FORMATS.get(name, f"out{source.suffix}")
    for size in (500, 30_000):
        given = ("integrate", "movie.raw", source, *SUM, "-o", out, "--quiet", "--no-check-origin")
        ended = run_command(inputs, *given, prepare=[(processes.disk_of, size)])
        assert ended.status == 1 and ended.out == "" and is_one_line(ended.err), (size, ended)
        assert f"{tmp_path}/{out.stem}." in ended.err and os.strerror(errno.EFBIG) in ended.err
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option, name", [("--plot", "picture.png"), ("--report", "page.html")])
def test_a_picture_or_a_page_for_which_there_is_no_room_is_named(tmp_path, inputs, option, name):
    few = thunderstorm(tmp_path / "few.csv")
    before = folder_state(tmp_path)
    given = [each for each in SUM if each != "--no-plot" or option != "--plot"]
    ended = run_command(
        tmp_path, "integrate", inputs / "movie.raw", few, *given, option, name, "--quiet", prepare=[(processes.disk_of, 10_000)]
    )
    assert ended.status == 1 and ended.err == f"lumicrop: {name}: {os.strerror(errno.EFBIG)}\n" and ended.out == ""
    assert folder_state(tmp_path) == before


def test_settings_for_which_there_is_no_room_are_named(inputs, small_disk):
    few = thunderstorm(small_disk / "few.csv")
    out = small_disk / "out.csv"
    left = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize
    (small_disk / "filling").write_bytes(bytes(left - 4096))  # one page: for the table
    before = folder_state(small_disk)
    ended = run_command(inputs, "integrate", "movie.raw", few, *SUM, "-o", out, "--quiet")
    assert ended.status == 1 and ended.err == f"lumicrop: {out.with_suffix('.settings.yaml')}: {os.strerror(errno.ENOSPC)}\n"
    assert folder_state(small_disk) == before


def test_what_access_rights_forbid_is_named(tmp_path):
    made = Sample(tmp_path)
    movie, table = made.movie_path, made.table_path
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "locs.hdf5").write_bytes(b"mine")
    unable = {"prepare": [(processes.no_privileges,)]}
    cases = [
        (tmp_path / "closed", 0o555, ("-o", "closed/out.hdf5"), "closed: this folder cannot be written to"),
        (tmp_path / "closed", 0o555, ("-o", "closed/locs.hdf5", "--overwrite"), "closed: this folder cannot be written to"),
        (tmp_path / "closed", 0o000, ("-o", "closed/out.hdf5"), "closed/"),
        (movie, 0o000, (), "movie.raw: Permission denied"),
        (movie.with_suffix(".yaml"), 0o000, (), "movie.yaml: Permission denied"),
        (table, 0o000, (), "locs.hdf5: Permission denied"),
        (table.with_suffix(".yaml"), 0o000, (), "locs.yaml: Permission denied"),
    ]
    for path, mode, more, says in cases:
        before, allowed = folder_state(tmp_path), path.stat().st_mode
        path.chmod(mode)
        ended = run_command(tmp_path, "integrate", "movie.raw", "locs.hdf5", "--size", 7, "--quiet", *more, **unable)
        path.chmod(allowed)
        assert ended.status == 1 and is_one_line(ended.err) and says in ended.err, ended
        assert folder_state(tmp_path) == before


def test_files_that_others_may_not_read_are_no_table_or_movie_of_other_formats(tmp_path):
    (tmp_path / "movie.tif").write_bytes(b"II*\0")
    write_thunderstorm(tmp_path / "locs.csv", frame=[1], x__nm=[5.0], y__nm=[5.0])
    write_picasso(tmp_path / "locs.hdf5", frame=[0], x=[1.0], y=[1.0])
    (tmp_path / "movie.tif").chmod(0)
    (tmp_path / "locs.csv").chmod(0)
    good = write_raw(tmp_path / "good.raw", np.full((5, 24, 37), 9, "u2"))
    for given, says in ((("movie.tif", "locs.hdf5"), "movie.tif"), ((good.name, "locs.csv"), "locs.csv")):
        ended = run_command(tmp_path, "integrate", *given, *SUM, "--quiet", prepare=[(processes.no_privileges,)])
        assert (ended.status, ended.err) == (1, f"lumicrop: {says}: Permission denied\n")
