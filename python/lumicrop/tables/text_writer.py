"""Writes a table of text again: its bytes as they stand, and new cells where each row ends."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy
import pyarrow
import pyarrow.compute

from ..input_error import InputError
from .table import AddedColumn, TableWriter
from .text_cells import Spelling, bytes_of, number_cells, word_cells
from .text_file import TextFile
from .text_output import TextOutput
from .text_rows import RowBlock


class TextWriter(TableWriter):
    """Copies a file of text with cells added to its rows.

    Parameters
    ----------
    source : TextFile
        The table, as it was read.
    path, target : pathlib.Path
        The file to write, and what it will be called.
    head : bytes
        What stands before the first row's line end: the header with the new names.
    added : sequence of AddedColumn
    spelling : Spelling
    """

    def __init__(
        self,
        source: TextFile,
        path: Path,
        target: Path,
        head: bytes,
        added: Sequence[AddedColumn],
        spelling: Spelling,
    ) -> None:
        self._source, self._added, self._spelling = source, added, spelling
        self._left = source.n_rows
        self._blocks = iter(source.rows())
        self._rows = pyarrow.array([], pyarrow.binary())  # of the block at hand, those not written yet
        self._output = TextOutput(path, target)
        try:
            self._output.write(head)
        except BaseException:
            self._output.close()
            raise

    def write(self, values: Mapping[str, numpy.ndarray]) -> None:
        cells = [
            word_cells(values[column.name], column.words, self._spelling)
            if column.words
            else number_cells(values[column.name], self._spelling)
            for column in self._added
        ]
        n, done = len(cells[0]), 0
        while done < n:
            old = self._take(n - done)
            new = [column.slice(done, len(old)).cast(pyarrow.binary()) for column in cells]
            self._output.write(bytes_of(pyarrow.compute.binary_join_element_wise(old, *new, self._spelling.delimiter)))
            done += len(old)
        self._left -= n

    def _take(self, at_most: int) -> pyarrow.Array:
        """The next rows of the file, at least one, each with the line end before it."""
        while not len(self._rows):
            block = next(self._blocks, None)
            if block is None:
                raise InputError(f"{self._source.path}: the table became shorter while it was read")
            self._rows = _array_of(block)
        rows, self._rows = self._rows[:at_most], self._rows[at_most:]
        return rows

    def close(self) -> None:
        if self._output.closed:
            return
        try:
            if self._left == 0:
                self._copy_rest()
        finally:
            self._output.close()
            self._blocks.close()

    def _copy_rest(self) -> None:
        """The last line end, and a footer if there is one."""
        if len(self._rows) or next(self._blocks, None) is not None:
            raise InputError(f"{self._source.path}: the table was changed while it was read")
        with open(self._source.path, "rb") as file:
            if os.fstat(file.fileno()).st_size < self._source.size:
                raise InputError(f"{self._source.path}: the table became shorter while it was read")
            file.seek(self._source.stop)
            left = self._source.size - self._source.stop
            while left and (part := file.read(min(left, 1 << 20))):
                self._output.write(part)
                left -= len(part)


def _array_of(block: RowBlock) -> pyarrow.Array:
    """The rows of a block as they lie."""
    offsets = numpy.append(0, block.ends).astype(numpy.int32)
    buffers = [None, pyarrow.py_buffer(offsets), pyarrow.py_buffer(block.text)]
    return pyarrow.Array.from_buffers(pyarrow.binary(), len(block), buffers)
