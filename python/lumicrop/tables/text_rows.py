"""Rows of a file of text, a few megabytes at a time, every byte of them kept.

A row is what stands between two line ends. A block keeps each row together with the line end *before* it, so that the
blocks put together are the file, whatever its line ends are, empty lines and a missing last line end included: new
cells go in where a row ends, and nothing else moves.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy

from ..input_error import InputError

#: Longest line of a table, the empty lines before it included; a file with a longer one is no table.
LONGEST_LINE = 1 << 20
_BLOCK_BYTES = 4 << 20
_LINE_FEED, _CARRIAGE_RETURN, _QUOTE = b'\n\r"'


@dataclass(frozen=True)
class RowBlock:
    """Some rows, one after the other.

    Attributes
    ----------
    text : bytes
        The rows, each with the line ends before it.
    ends : numpy.ndarray
        Where each row ends in `text`, int64; the next row's line end begins there.
    line : int
        Number, from 1, of the line in the file that `text` begins on.
    next_line : int
        Number of the line that `text` ends on.
    """

    text: bytes
    ends: numpy.ndarray
    line: int
    next_line: int

    def __len__(self) -> int:
        return len(self.ends)

    def row(self, index: int) -> bytes:
        """A row without line ends."""
        start = self.ends[index - 1] if index else 0
        return self.text[start : self.ends[index]].lstrip(b"\r\n")

    def line_of(self, index: int) -> int:
        """Number of a row's line in the file."""
        return self.line_at(int(self.ends[index]))

    def line_at(self, position: int) -> int:
        """Number of the line in the file that a byte of `text` is on."""
        return self.line + self.text.count(b"\n", 0, position)

    def line_of_open_quote(self) -> int | None:
        """Line of the first row with a quote that is not closed again, if there is one."""
        if b'"' not in self.text:
            return None
        quotes = numpy.flatnonzero(numpy.frombuffer(self.text, numpy.uint8) == _QUOTE)
        open_at_end = numpy.flatnonzero(numpy.searchsorted(quotes, self.ends) & 1)
        return self.line_of(int(open_at_end[0])) if open_at_end.size else None


class RowReader:
    """Reads the rows of a file, block by block; iterate over it once.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    start : int
        Where the first row's line end (or, at the file's beginning, the first row) stands.
    line : int
        Number of the line that `start` is on.
    stop : int, optional
        Where the rows end, when that is known; default: the end of the file.
    footer : re.Pattern, optional
        Matches the line feed before the first line that is no row any more.

    Attributes
    ----------
    stop : int
        After the last block: where the last row ends. What follows (a line end, a footer) belongs to no row.
    """

    def __init__(
        self, path: Path, start: int, line: int, stop: int | None = None, footer: re.Pattern[bytes] | None = None
    ) -> None:
        self.path = path
        self.stop = start
        self._line = line
        self._limit = stop
        self._footer = footer

    def __iter__(self) -> Generator[RowBlock]:
        with open(self.path, "rb") as file:
            self._limit = os.fstat(file.fileno()).st_size if self._limit is None else self._limit
            file.seek(self.stop)
            kept = b""
            while True:
                read = self._read(file, len(kept))
                text, last = kept + read, not read
                footer = self._footer.search(text) if self._footer is not None else None
                if footer is not None:
                    text, last = text[: footer.start()], True
                block = self._block(text, last)
                if len(block):
                    yield block
                    self.stop += len(block.text)
                    self._line = block.next_line
                if last:
                    return
                kept = text[len(block.text) :]
                if len(kept) > LONGEST_LINE:
                    raise InputError(self._too_long(self._line + kept.count(b"\n")))

    def _read(self, file: BinaryIO, kept: int) -> bytes:
        return file.read(max(0, min(_BLOCK_BYTES, self._limit - self.stop - kept)))

    def _block(self, text: bytes, last: bool) -> RowBlock:
        """The whole rows of a text; of the last text what stands after its last line feed too."""
        whole = len(text) if last else text.rfind(b"\n") + 1
        data = numpy.frombuffer(text, numpy.uint8, whole)
        special = numpy.flatnonzero(data <= _CARRIAGE_RETURN)  # every control character that matters, in one pass
        kinds = data[special]
        self._refuse(text, special[kinds == 0], "holds a byte of zero: this is not a table of text")
        feeds = special[kinds == _LINE_FEED]
        starts = numpy.append(0, feeds + 1)
        ends = numpy.append(feeds, whole)  # after the last line feed stands a row only in the last text
        returns = special[kinds == _CARRIAGE_RETURN]
        at = numpy.searchsorted(ends, returns)
        lone = returns[ends[at] != returns + 1]
        self._refuse(text, lone, "has a carriage return within: save the table with line feeds")
        ends[at] -= 1
        ends = ends[ends > starts]
        lengths = numpy.diff(ends, prepend=0)
        end = int(ends[-1]) if ends.size else 0
        block = RowBlock(text[:end], ends, self._line, self._line + int(numpy.searchsorted(feeds, end)))
        if ends.size and int(lengths.max()) > LONGEST_LINE:
            raise InputError(self._too_long(block.line_of(int(numpy.argmax(lengths > LONGEST_LINE)))))
        return block

    def _refuse(self, text: bytes, positions: numpy.ndarray, reason: str) -> None:
        if positions.size:
            line = self._line + text.count(b"\n", 0, int(positions[0]))
            raise InputError(f"{self.path}: line {line} {reason}")

    def _too_long(self, line: int) -> str:
        return f"{self.path}: line {line} is longer than {LONGEST_LINE >> 20} MiB: this is not a table of text"
