"""A file of text that is being written."""

from __future__ import annotations

from pathlib import Path

import pyarrow

from .full_disk import room_for


class TextOutput:
    """A new file, written without a buffer: after a failed write nothing is left to be written when it is closed.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    target : pathlib.Path
        What it will be called, for messages.
    """

    def __init__(self, path: Path, target: Path) -> None:
        self._target = target
        self._file = open(path, "wb", buffering=0)

    def write(self, data: bytes | memoryview | pyarrow.Buffer) -> None:
        """Write all of it."""
        left = memoryview(data)
        with room_for(self._target):
            while left:
                left = left[self._file.write(left) :]

    @property
    def closed(self) -> bool:
        return self._file.closed

    def close(self) -> None:
        """Close the file. Allowed more than once."""
        self._file.close()
