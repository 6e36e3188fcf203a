"""The command given something wrong: one line says what, and nothing is written."""

import io
import json
import os
import stat
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import typer

from lumicrop.command import app

_COMMAND = typer.main.get_command(app)  # made once: it takes as long as a short run
_LARGE = 50 << 20


def folder_state(folder):
    """Everything below a folder: names, and bytes, or size and time of what is too large to be looked at."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        state = path.lstat()
        if stat.S_ISLNK(state.st_mode):
            found[path] = os.readlink(path)
        elif stat.S_ISREG(state.st_mode) and state.st_size < _LARGE:
            found[path] = path.read_bytes()
        else:
            found[path] = (stat.S_IFMT(state.st_mode), state.st_size if stat.S_ISREG(state.st_mode) else 0)
    return found


def is_one_line(said):
    """Whether this is the whole of what the command says of an error."""
    said = said.encode(errors="surrogateescape") if isinstance(said, str) else said
    one = said.startswith(b"lumicrop: ") and said.endswith(b"\n") and said.count(b"\n") == 1
    return one and b"fault of lumicrop" not in said and b"Traceback" not in said


def written_or_refused(folder, *arguments):
    """Run ``lumicrop integrate`` in this process: None if it came to its end, else its one line, having changed nothing."""
    before = folder_state(folder)
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        try:
            _COMMAND.main(["integrate", *map(str, arguments), "--quiet", "--json"], "lumicrop")
        except SystemExit as end:
            status = end.code
    said, line = json.loads(out.getvalue()), err.getvalue()
    if status == 0:
        assert not line and said["written"]
        return None
    assert status == 1 and is_one_line(line), (arguments, line)
    assert set(said) == {"error"}
    assert folder_state(folder) == before
    return line


def refused(folder, *arguments, says=()):
    """Run it and expect a refusal that says all of `says`; gives its line."""
    line = written_or_refused(folder, *arguments)
    assert line is not None, arguments
    for each in [says] if isinstance(says, str) else says:
        assert each in line, (each, line)
    return line
