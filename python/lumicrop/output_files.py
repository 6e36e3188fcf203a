"""Output that appears whole or not at all."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .input_error import InputError

#: Bytes that a file system allows a name to have.
_LONGEST_NAME = 255
#: Those whose files are not in place for good; see `give_up_all`.
_unfinished: set[OutputFiles] = set()


class OutputFiles:
    """Files that are written beside their targets and moved into place together, at the end.

    A context manager: on a regular exit every file is flushed to the disk and renamed to its target, in the order
    in which they were announced; on an exception, Ctrl-C included, all of them are removed. Meanwhile they are called
    as their targets, with a dot before the name and twelve letters before the ending. Of several programs that write
    the same targets at once, one has the last word on all of them.

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
        self._temporary = {target: _hidden_beside(target) for target in targets}
        #: Targets that are in place, and where the file waits that was there before; None: there was none.
        self._before: dict[Path, Path | None] = {}
        self._locks: list[int] = []
        self._published = False

    def path(self, target: Path) -> Path:
        """The temporary file to write for `target`."""
        return self._temporary[target]

    @contextmanager
    def writing(self, target: Path) -> Iterator[Path]:
        """The same as a context, within which the system's complaints name the target.

        Raises
        ------
        OSError
            As it was raised; about the file that is written, with the name of `target`.
        """
        temporary = self._temporary[target]
        try:
            yield temporary
        except OSError as error:
            if not error.errno or error.filename not in (None, temporary, str(temporary)):
                raise
            raise OSError(error.errno, os.strerror(error.errno), str(target)) from None

    def publish(self) -> None:
        """Put every file in its place. As long as the context lasts, an exception takes that back.

        Raises
        ------
        InputError
            A target appeared meanwhile.
        OSError
            A file cannot be put in its place.
        """
        for target, temporary in self._temporary.items():
            with self.writing(target):
                _flush_to_disk(temporary)
        self._lock_folders()
        self._refuse_existing(list(self._temporary))
        for target, temporary in self._temporary.items():
            with self.writing(target):
                self._before[target] = backup = _hidden_beside(target) if os.path.lexists(target) else None
                if backup is not None:
                    _keep(target, backup)
                os.replace(temporary, target)
        for folder in {target.parent for target, backup in self._before.items() if backup is None}:
            _flush_to_disk(folder)  # the new names themselves
        self._published = True

    def _refuse_existing(self, targets: list[Path]) -> None:
        for target in targets:
            if target.is_dir():
                raise InputError(f"{target}: this is a folder: name a file")
            if target.exists() and not target.is_file():
                raise InputError(f"{target}: this is a device or a pipe: name a file")
            if not self._overwrite and os.path.lexists(target):
                raise InputError(f"{target} exists already: --overwrite replaces it")

    def _lock_folders(self) -> None:
        """Let nobody else put files in place at the same time."""
        for folder in sorted({target.parent.resolve() for target in self._temporary}):
            self._locks.append(os.open(folder, os.O_RDONLY))
            try:
                fcntl.flock(self._locks[-1], fcntl.LOCK_EX)
            except OSError:  # a file system without locks
                pass

    def __enter__(self) -> OutputFiles:
        try:
            _unfinished.add(self)
            for target, temporary in self._temporary.items():
                with self.writing(target):
                    _create(temporary)
        except BaseException:
            self.give_up()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None and not self._published:
                self.publish()
        except BaseException:
            self.give_up()
            raise
        if kind is not None:
            self.give_up()
            return
        while True:
            try:
                self._clean_up()
                return
            except KeyboardInterrupt:  # too late: everything is in place
                pass

    def give_up(self) -> None:
        """Leave everything as it was before."""
        for target, backup in self._before.items():
            if backup is not None and os.path.lexists(backup):
                os.replace(backup, target)
            elif backup is None and not self._temporary[target].exists():
                target.unlink(missing_ok=True)
        self._clean_up()

    def _clean_up(self) -> None:
        for hidden in (*self._temporary.values(), *self._before.values()):
            if hidden is not None:
                hidden.unlink(missing_ok=True)
        while self._locks:
            os.close(self._locks.pop())
        _unfinished.discard(self)


def give_up_all() -> None:
    """Leave everything as it was before, wherever files are being written: for a program that has to end at once."""
    for files in list(_unfinished):
        files.give_up()


def _hidden_beside(target: Path) -> Path:
    """A hidden name in the target's folder that nothing has, with the target's ending."""
    if not target.parent.is_dir():
        raise InputError(f"{target.parent}: this folder does not exist")
    ending = f".{secrets.token_hex(6)}{target.suffix}"
    stem = os.fsencode(target.stem)[: max(0, _LONGEST_NAME - len(os.fsencode(ending)) - 1)]
    return target.with_name(f".{os.fsdecode(stem)}{ending}")


def _create(path: Path) -> None:
    """An empty file, with the access rights of any file made anew."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except PermissionError:
        raise InputError(f"{path.parent}: this folder cannot be written to") from None


def _keep(target: Path, backup: Path) -> None:
    """Give a file a second name, or, where the file system cannot do that, another one."""
    try:
        os.link(target, backup, follow_symlinks=False)
    except (OSError, NotImplementedError):
        os.rename(target, backup)


def _flush_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
