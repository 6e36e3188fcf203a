"""Files that are read: none that cannot be read twice, and none that changes while a run goes on."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from .input_error import InputError


def refuse_pipe(source: str | Path, what: str) -> None:
    """Refuse what is neither a file nor a folder, before somebody waits at its end for ever.

    Parameters
    ----------
    source : str or pathlib.Path
        As it was given; something that is not there is left to its reader.
    what : str
        ``"movie"`` or ``"table"``.

    Raises
    ------
    InputError
        It is a pipe, a socket or a device.
    """
    try:
        mode = os.stat(source).st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise InputError(
            f"{source}: this is a pipe or a device, but a {what} must be a file, as it is read more than once"
        )


class WatchedFiles:
    """Remembers files as they were, to notice that one was changed, shortened or replaced."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[int, int]] = {}

    def watch(self, paths: Iterable[Path]) -> None:
        """Remember files, those that are known already as they were when they became known."""
        for path in paths:
            if path not in self._seen and (state := _state(path)) is not None:
                self._seen[path] = state

    def refuse_changes(self) -> None:
        """Raise for a file that is not as it was.

        Raises
        ------
        InputError
            Names the file.
        """
        for path, before in self._seen.items():
            if _state(path) != before:
                raise InputError(f"{path}: the file was changed while it was read: run again when it is finished")


def _state(path: Path) -> tuple[int, int] | None:
    """Size and time of the last change; None for what is no file. Network drives may change a file's number at will."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None
