"""Ctrl-C and SIGTERM at any moment: status 130, one line that says how far the run came, everything as it was before."""

import json
import random
import re
import signal
import time

import command_processes as processes
import pytest
from command_processes import CommandProcess, run_command
from movie_files import Sample
from refusals import folder_state, is_one_line

GIVEN = ("integrate", "movie.raw", "locs.hdf5", "--size", 7, "--overwrite")
NO_PICTURE = ("--no-plot",)


@pytest.fixture
def folder(tmp_path):
    """A movie and a table, and outputs from before."""
    folder = tmp_path / "run"
    folder.mkdir()
    made = Sample(folder)
    assert made.movie_path and made.table_path
    for ending in ("hdf5", "yaml", "png", "settings.yaml"):
        (folder / f"locs_lumicrop.{ending}").write_bytes(b"mine")
    return folder


def wait_for(marker, process, within=30):
    until = time.monotonic() + within
    while not marker.exists():
        assert process.is_alive, process.ended()
        assert time.monotonic() < until
        time.sleep(0.005)


MOMENTS = {
    "opening the movie": ("lumicrop.integrate_command:open_movie", "while opening movie.raw"),
    "reading the table": ("lumicrop.integrate_command:read_table", "while reading locs.hdf5"),
    "the check": ("lumicrop.integrate_command:check_table", "while comparing the positions with the movie"),
    "counting": ("lumicrop:integrate", "after 0 of 200 detections of movie.raw"),
    "beginning to write": ("lumicrop.tables.picasso:_write_yaml", "after 0 of 200 detections of movie.raw"),
    "the summary": ("lumicrop.integrate_command:summary_of", "while finishing, all 200 detections of movie.raw done"),
    "putting files in place": ("lumicrop.output_files:_keep", "while finishing, all 200 detections of movie.raw done"),
    "showing": ("lumicrop.integrate_command:show_summary", "while finishing, all 200 detections of movie.raw done"),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_at_any_moment_it_leaves_everything_as_it_was(folder, moment, number):
    place, says = MOMENTS[moment]
    before, marker = folder_state(folder), folder.with_name("marker")
    with CommandProcess(folder, *GIVEN, *NO_PICTURE, "-q", prepare=[(processes.stalls_at, place, marker)]) as process:
        wait_for(marker, process)
        process.send(number)
        process.send(number)  # once more, impatiently
        time.sleep(0.02)
        if process.is_alive:
            process.send(signal.SIGINT)
        ended = process.ended(10)
    assert (ended.status, ended.out, ended.err) == (130, "", f"lumicrop: interrupted {says}; nothing was written\n")
    assert folder_state(folder) == before


def test_an_interruption_that_python_would_ignore_is_heard(folder):
    before, marker = folder_state(folder), folder.with_name("marker")
    prepare = [(processes.stalls_where_errors_are_ignored, "lumicrop.integrate_command:check_table", marker)]
    with CommandProcess(folder, *GIVEN, *NO_PICTURE, "-q", prepare=prepare) as process:
        wait_for(marker, process)
        time.sleep(0.05)
        process.send(signal.SIGINT)
        ended = process.ended(10)
    assert ended.status == 130 and is_one_line(ended.err) and "interrupted" in ended.err
    assert folder_state(folder) == before


def test_interrupted_while_it_draws_it_leaves_everything_as_it_was(folder):
    before, marker = folder_state(folder), folder.with_name("marker")
    with CommandProcess(folder, *GIVEN, "--json", prepare=[(processes.stalls_at, "lumicrop.report:draw_report", marker)]) as process:
        wait_for(marker, process)
        process.send(signal.SIGINT)
        ended = process.ended(10)
    assert ended.status == 130 and is_one_line(ended.err) and "all 200 detections" in ended.err
    assert json.loads(ended.out)["error"] in ended.err
    assert folder_state(folder) == before


@pytest.mark.parametrize("name", ["lumicrop.movies:PicassoRaw.read", "lumicrop.tables.picasso:_Writer.write"])
@pytest.mark.parametrize("hanging", [processes.stalls_at, processes.hangs_in_hdf5])
def test_what_hangs_does_not_keep_it_from_ending(folder, name, hanging):
    before, marker = folder_state(folder), folder.with_name("marker")
    prepare = [(processes.impatient,), (hanging, name, marker)]
    with CommandProcess(folder, *GIVEN, *NO_PICTURE, "-q", "--no-check-origin", prepare=prepare) as process:
        wait_for(marker, process)
        time.sleep(0.05)
        process.send(signal.SIGINT)
        begun = time.monotonic()
        ended = process.ended(15)
        assert time.monotonic() - begun < 8
    assert ended.status == 130 and is_one_line(ended.err) and "interrupted" in ended.err and "nothing was written" in ended.err
    assert folder_state(folder) == before


def test_a_run_is_ended_at_whatever_time_or_it_is_whole(folder):
    for _ in range(2):  # the first of all loads what others find loaded
        begun = time.monotonic()
        assert run_command(folder, *GIVEN, *NO_PICTURE).status == 0
        usual = time.monotonic() - begun
    expected = folder_state(folder)
    for path in folder.glob("locs_lumicrop*"):
        path.write_bytes(b"mine")
    before = folder_state(folder)
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    for _ in range(8):
        wait = chance.uniform(0, 1) * usual
        with CommandProcess(folder, *GIVEN, *NO_PICTURE, "-q") as process:
            time.sleep(wait)
            if process.is_alive:
                process.send(chance.choice([signal.SIGINT, signal.SIGTERM]))
            ended = process.ended(10)
        found = folder_state(folder)
        if ended.status == 0:
            assert ended.err == "" and found == expected, seed
            for path in folder.glob("locs_lumicrop*"):
                path.write_bytes(b"mine")
        else:
            assert ended.status == 130 and is_one_line(ended.err), (seed, wait, ended)
            assert found == before, (seed, wait, ended)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_when_all_is_written_comes_too_late(folder, number):
    marker = folder.with_name("marker")
    with CommandProcess(folder, *GIVEN, *NO_PICTURE, "-q", prepare=[(processes.lasts_longer, "lumicrop.integrate_command:run", marker)]) as process:
        wait_for(marker, process)
        process.send(number)
        ended = process.ended(10)
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert (folder / "locs_lumicrop.hdf5").read_bytes() != b"mine"


@pytest.mark.parametrize("place", ["lumicrop:integrate", "lumicrop.integrate_command:summary_of"])
def test_killed_it_leaves_outputs_alone_and_hidden_files_with_names_like_theirs(folder, place):
    before, marker = folder_state(folder), folder.with_name("marker")
    with CommandProcess(folder, *GIVEN, *NO_PICTURE, prepare=[(processes.stalls_at, place, marker)]) as process:
        wait_for(marker, process)
        process.send(signal.SIGKILL)
        assert process.ended().status == -signal.SIGKILL
    left = {path: content for path, content in folder_state(folder).items() if path not in before}
    assert {path: content for path, content in folder_state(folder).items() if path not in left} == before
    names = sorted(re.sub("[0-9a-f]{12}", "X", path.name) for path in left)
    assert names == [".locs_lumicrop.X.hdf5", ".locs_lumicrop.X.yaml", ".locs_lumicrop.settings.X.yaml"]
    assert run_command(folder, *GIVEN, *NO_PICTURE).status == 0  # and they are in nobody's way


def test_ctrl_c_that_the_shell_had_ignored_stays_ignored(folder):
    marker = folder.with_name("marker")
    prepare = [(signal.signal, signal.SIGINT, signal.SIG_IGN), (processes.stalls_at, "lumicrop.integrate_command:summary_of", marker, 0.3)]
    with CommandProcess(folder, *GIVEN, *NO_PICTURE, "-q", prepare=prepare) as process:
        wait_for(marker, process)
        process.send(signal.SIGINT)
        assert process.ended().status == 0
