"""What is shown where: nothing with --quiet, one document with --json, a bar on a terminal only; whoever stops listening."""

import json
import os
import pty
import re
import sys
import threading

import numpy as np
import pytest
from command_processes import closes, run_command, small_parts, stalls_at
from movie_files import Sample, write_picasso
from refusals import folder_state, is_one_line

GIVEN = ("integrate", "movie.raw", "locs.hdf5", "--size", 7, "--no-plot")


@pytest.fixture
def folder(tmp_path):
    made = Sample(tmp_path)
    assert made.movie_path and made.table_path
    return tmp_path


def test_quiet_says_nothing_but_an_error(folder):
    ended = run_command(folder, *GIVEN, "--quiet")
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    ended = run_command(folder, *GIVEN, "--quiet")
    assert ended.status == 1 and ended.out == "" and is_one_line(ended.err)


def test_json_is_one_document_whatever_happens(folder):
    for more in ((), ("--quiet", "--overwrite")):
        ended = run_command(folder, *GIVEN, "--json", *more)
        assert ended.status == 0 and ended.err == "" and json.loads(ended.out)["detections"]["rows"] == 200
    ended = run_command(folder, *GIVEN, "--json")
    assert ended.status == 1 and is_one_line(ended.err) and json.loads(ended.out)["error"] in ended.err
    for wrong in (("integrate", "--json"), ("integrate", "movie.raw", "--json", "--size", "big"), (*GIVEN, "--json", "--unknown"),
                  ("inspect", "--json"), ("integrate", "a", "b", "c", "--json")):  # fmt: skip
        ended = run_command(folder, *wrong)
        assert ended.status == 2 and ended.err and set(json.loads(ended.out)) == {"error"}, (wrong, ended)


def test_numbers_that_json_does_not_know_are_null(folder):
    x, photons = np.full(50, 12.0), np.full(50, 1e-320)
    write_picasso(folder / "locs.hdf5", frame=np.zeros(50, "u4"), x=x, y=x, photons=photons, sx=x / 12, sy=x / 12, bg=x)
    ended = run_command(folder, *GIVEN, "--json")
    assert ended.status == 0, ended
    found = json.loads(ended.out, parse_constant=lambda word: pytest.fail(word))
    assert found["photons_over_table"]["p50"] is None


def test_a_reader_who_leaves_or_a_full_disk_under_the_output_does_not_end_the_run(folder):
    for kind in ("pipe", "/dev/full", "nothing"):
        ended = run_command(folder, *GIVEN, "--overwrite", prepare=[(closes, kind)])
        assert (ended.status, ended.out, ended.err) == (0, "", ""), (kind, ended)
        assert (folder / "locs_lumicrop.hdf5").exists()
        (folder / "locs_lumicrop.hdf5").unlink()


def test_a_document_that_cannot_be_given_away_is_an_error_and_nothing_is_written(folder):
    before = folder_state(folder)
    for kind in ("pipe", "/dev/full"):
        ended = run_command(folder, *GIVEN, "--overwrite", "--json", prepare=[(closes, kind)])
        assert ended.status == 1 and is_one_line(ended.err) and "standard output" in ended.err
        assert folder_state(folder) == before


def on_a_terminal(folder, *arguments, **how):
    """Status, and all that a terminal would have been sent."""
    main, terminal = pty.openpty()
    sent = []

    def listen():
        try:
            while data := os.read(main, 65536):
                sent.append(data)
        except OSError:  # the last one has hung up
            pass

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        ended = run_command(folder, *arguments, terminal=os.ttyname(terminal), **how)
    finally:
        os.close(terminal)
        listener.join()
        os.close(main)
    return ended.status, b"".join(sent).decode()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="terminals differ")
def test_a_bar_is_shown_on_a_terminal_only(folder):
    n = 3000
    random = np.random.default_rng(2)
    columns = {name: random.uniform(3, 20, n).astype("f4") for name in ("x", "y")}
    write_picasso(folder / "locs.hdf5", frame=np.sort(random.integers(0, 30, n)).astype("u4"), **columns, sx=np.ones(n), sy=np.ones(n), bg=np.ones(n))
    slowly = {"prepare": [(small_parts,), (stalls_at, "lumicrop:integrate", folder.with_name("marker"), 0.05)]}
    status, said = on_a_terminal(folder, *GIVEN, "--no-check-origin", **slowly)
    said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said)
    assert status == 0 and "wrote locs_lumicrop.hdf5" in said
    assert re.search(r"detections\s+[━╸╺ ]+\s*\d+/3000\s+[\d.]+ [kM]? ?detections/s\s+\d:\d\d:\d\d", said), said[-2000:]
    for more in (("--quiet",), ("--json",)):
        status, said = on_a_terminal(folder, *GIVEN, "--no-check-origin", "--overwrite", *more)
        assert status == 0 and "━" not in said and "detections/s" not in said
        assert said == "" if more == ("--quiet",) else json.loads(said)
    ended = run_command(folder, *GIVEN, "--no-check-origin", "--overwrite")
    assert ended.status == 0 and "━" not in ended.out and "\x1b" not in ended.out and ended.err == ""
