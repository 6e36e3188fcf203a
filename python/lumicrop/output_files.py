"""Output that appears whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from .input_error import InputError


class OutputFiles:
    """Files that are written beside their targets and moved into place together, at the end.

    A context manager: on a regular exit every file is flushed to the disk and renamed to its target, in the order
    in which they were announced; on an exception, Ctrl-C included, all of them are removed.

    Parameters
    ----------
    targets : list of pathlib.Path
        What will be written.
    overwrite : bool
        Replace targets that exist. Without it an existing target is refused before any work is done.

    Raises
    ------
    InputError
        A target exists, its folder is missing or cannot be written to.
    """

    def __init__(self, targets: list[Path], overwrite: bool = False) -> None:
        self._overwrite = overwrite
        self._refuse_existing(targets)
        self._temporary = {target: _temporary_beside(target) for target in targets}

    def path(self, target: Path) -> Path:
        """The temporary file to write for `target`."""
        return self._temporary[target]

    def _refuse_existing(self, targets: list[Path]) -> None:
        for target in targets:
            if target.is_dir():
                raise InputError(f"{target}: this is a folder: name a file")
            if not self._overwrite and target.exists():
                raise InputError(f"{target} exists already: --overwrite replaces it")

    def __enter__(self) -> OutputFiles:
        try:
            for temporary in self._temporary.values():
                _create(temporary)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._publish()
        finally:
            self._remove()

    def _publish(self) -> None:
        for temporary in self._temporary.values():
            _flush_to_disk(temporary)
        self._refuse_existing(list(self._temporary))  # one that appeared meanwhile
        new: list[Path] = []
        try:
            for target, temporary in self._temporary.items():
                if not target.exists():
                    new.append(target)  # before it is there: an interruption may come between any two lines
                os.replace(temporary, target)
            for folder in {target.parent for target in new}:  # the new names themselves
                _flush_to_disk(folder)
        except BaseException:
            for target in new:
                target.unlink(missing_ok=True)
            raise

    def _remove(self) -> None:
        for temporary in self._temporary.values():
            temporary.unlink(missing_ok=True)
        self._temporary.clear()


def _temporary_beside(target: Path) -> Path:
    """A hidden name in the target's folder that nothing has, with the target's ending."""
    if not target.parent.is_dir():
        raise InputError(f"{target.parent}: this folder does not exist")
    return target.with_name(f".{target.stem}.{secrets.token_hex(6)}{target.suffix}")


def _create(path: Path) -> None:
    """An empty file, with the access rights of any file made anew."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except PermissionError:
        raise InputError(f"{path.parent}: this folder cannot be written to") from None


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
