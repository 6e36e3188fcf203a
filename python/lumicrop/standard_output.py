"""Standard output and standard error: a reader who leaves, a full disk, and names that are no text do not end a run."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape


class _Heedless:
    """Standard output, of which nothing more is said once it cannot be written to."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except OSError:
            _turn_off(self._file)
            return len(text)

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError:
            _turn_off(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def terminal(quiet: bool = False) -> Console:
    """What people look at; a file or a pipe gets lines as wide as a page, unless COLUMNS says otherwise."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may be any bytes
    file = None if sys.stdout is None else _Heedless(sys.stdout)
    console = Console(file=file, quiet=quiet, highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 120
    return console


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document on standard output; numbers that JSON does not know are null.

    Raises
    ------
    OSError
        It cannot be written.
    """
    if sys.stdout is None:
        return
    text = json.dumps(_plain(document), indent=2, allow_nan=False)
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        _turn_off(sys.stdout)
        raise OSError(error.errno, error.strerror, "standard output") from None


def print_error(sentence: str, as_json: bool) -> None:
    """One line to people; to machines a JSON document where they look for the result."""
    console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
    console.print(f"[red]lumicrop:[/red] {escape(sentence)}")
    if as_json:
        try:
            print_json({"error": sentence})
        except OSError:
            pass


def as_text(text: str) -> str:
    """A text from a file, or its name, to be put among rich's markup."""
    return escape(in_one_line(text))


def in_one_line(text: str) -> str:
    """A text as it is, but for the characters that steer a terminal or begin a line."""
    return "".join(each if each.isprintable() or "\ud800" <= each <= "\udfff" else repr(each)[1:-1] for each in text)


def _plain(value: Any) -> Any:
    """Python's own types."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _turn_off(file: TextIO) -> None:
    """Lead a stream that cannot be written to into nothing: Python would complain once more at the end."""
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, file.fileno())
        os.close(nothing)
    except (OSError, ValueError):  # no stream of the system's
        pass
