"""A file of text with cells under a header: its numbers and its rows, at the speed of compiled code."""

from __future__ import annotations

import io
import math
import os
import re
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy
import pandas
import pyarrow
import pyarrow.csv

from ..input_error import InputError
from .text_header import cells_of, readable
from .text_rows import LONGEST_LINE, RowBlock, RowReader

_THREADS = min(8, os.cpu_count() or 1)
_SPACES = re.compile(rb"[ \t]+")
_SPACES_AT_ENDS = re.compile(rb"(?m)^ | $")
#: Cells that say that there is no number; lower case.
_MISSING = {"", "nan", "-nan", "na", "#na", "n/a", "#n/a", "null", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"}


class TextFile:
    """The rows below a header.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    names : list of str
        Names of its columns.
    delimiter : bytes
        What stands between two cells, one byte. A space stands for any run of spaces and tabs.
    start : int
        Where the header ends, before its line end; without a header where the first row begins.
    line : int
        Number of the line that `start` is on.
    footer : re.Pattern, optional
        Matches the line feed before the first line that is no row any more.

    Attributes
    ----------
    n_rows, stop, size : int
        After `numbers`: rows, where the last of them ends, and bytes of the file.
    """

    def __init__(
        self,
        path: Path,
        names: list[str],
        delimiter: bytes,
        start: int,
        line: int = 1,
        footer: re.Pattern[bytes] | None = None,
    ) -> None:
        self.path, self.names, self.delimiter = path, names, delimiter
        self._start, self._line, self._footer = start, line, footer
        self._uneven = False  # cells are aligned by runs of spaces
        self.n_rows = self.stop = 0
        self.size = path.stat().st_size

    def rows(self) -> RowReader:
        """The rows again, after `numbers`."""
        return RowReader(self.path, self._start, self._line, self.stop)

    def numbers(self, used: Sequence[str]) -> dict[str, numpy.ndarray]:
        """Columns of numbers, by their names, float64; empty cells are NaN. Every row is checked.

        Raises
        ------
        InputError
            A row has too few or too many cells, or a cell of these columns is no number.
        """
        reader = RowReader(self.path, self._start, self._line, self.size, self._footer)
        parts: list[list[numpy.ndarray]] = []
        self.n_rows = 0
        with ThreadPoolExecutor(_THREADS) as threads:
            ahead: deque[Future[list[numpy.ndarray]]] = deque()
            try:
                for block in reader:  # rows are told apart here while the blocks before are parsed
                    self.n_rows += len(block)
                    ahead.append(threads.submit(self._numbers_of, block, used))
                    if len(ahead) > _THREADS:
                        parts.append(ahead.popleft().result())
            except InputError:
                for future in ahead:  # what is wrong further up is told first
                    future.result()
                raise
            parts.extend(future.result() for future in ahead)
        self.stop = reader.stop
        columns = zip(*parts) if parts else [()] * len(used)
        return {name: numpy.concatenate([numpy.empty(0), *values]) for name, values in zip(used, columns)}

    def _numbers_of(self, block: RowBlock, used: Sequence[str]) -> list[numpy.ndarray]:
        if (line := block.line_of_open_quote()) is not None:
            raise InputError(f"{self.path}: line {line} has a quote that is not closed in the same line")
        for uneven in dict.fromkeys([self._uneven, self.delimiter == b" "]):
            try:
                table = self._parse(pyarrow.BufferReader(_evened(block.text) if uneven else block.text), used)
            except pyarrow.ArrowInvalid:
                continue
            if table.num_rows == len(block):
                self._uneven = self._uneven or uneven
                return [column.to_numpy() for column in table.columns]
        return self._read_slowly(block, used)  # says where the trouble is, or finds none

    def _parse(self, text: io.IOBase | pyarrow.NativeFile, used: Sequence[str] | None) -> pyarrow.Table:
        """Numbers of some columns; of all columns what they seem to be."""
        places = [str(index) for index in range(len(self.names))]  # names of files may be any bytes
        options = {"true_values": [], "false_values": []}
        if used is not None:
            wanted = [str(self.names.index(name)) for name in used]
            options = {"include_columns": wanted, "column_types": dict.fromkeys(wanted, pyarrow.float64())}
        return pyarrow.csv.read_csv(
            text,
            pyarrow.csv.ReadOptions(column_names=places, block_size=2 * LONGEST_LINE, use_threads=used is None),
            pyarrow.csv.ParseOptions(delimiter=self.delimiter.decode()),
            pyarrow.csv.ConvertOptions(**options),
        )

    def _read_slowly(self, block: RowBlock, used: Sequence[str]) -> list[numpy.ndarray]:
        places = [self.names.index(name) for name in used]
        columns = numpy.empty((len(used), len(block)))
        for index in range(len(block)):
            cells = cells_of(block.row(index), self.delimiter)
            if len(cells) != len(self.names):
                raise InputError(
                    f"{self.path}: line {block.line_of(index)} has {_counted(len(cells), 'cell')}, "
                    f"the header names {_counted(len(self.names), 'column')}"
                )
            for row, place in zip(columns, places):
                number = number_in(cells[place])
                if number is None:
                    raise InputError(
                        f"{self.path}: line {block.line_of(index)}: {_short(cells[place])} in column "
                        f'"{readable(self.names[place])}" is not a number'
                    )
                row[index] = number
        return list(columns)

    def data(self) -> pandas.DataFrame:
        """Every column, with the types that they seem to have."""
        if not self.n_rows:
            return pandas.DataFrame({name: numpy.empty(0) for name in self.names})
        texts = (_evened(block.text) if self._uneven else block.text for block in self.rows())
        try:
            table = self._parse(io.BufferedReader(_Joined(texts), LONGEST_LINE), None)
        except pyarrow.ArrowInvalid as error:
            raise InputError(f"{self.path}: the table cannot be read ({error})") from None
        for index, kind in enumerate(table.schema.types):
            if pyarrow.types.is_binary(kind):  # text that is no UTF-8: every byte is some letter of Latin-1
                cells = [cell.decode("latin-1") for cell in table.column(index).to_pylist()]
                table = table.set_column(index, table.schema.names[index], pyarrow.array(cells))
        return table.rename_columns(list(map(readable, self.names))).to_pandas()


class _Joined(io.RawIOBase):
    """Pieces of bytes as one file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._piece = iter(pieces), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._piece = memoryview(piece)
        n = min(len(buffer), len(self._piece))
        buffer[:n] = self._piece[:n]
        self._piece = self._piece[n:]
        return n


def number_in(cell: str) -> float | None:
    """The number in a cell, NaN for one that says that there is none; None: it holds something else."""
    if cell.strip().lower() in _MISSING:
        return math.nan
    try:
        return float(cell) if "_" not in cell else None
    except ValueError:
        return None


def _evened(text: bytes) -> bytes:
    """The same cells with one space between them."""
    return _SPACES_AT_ENDS.sub(b"", _SPACES.sub(b" ", text).replace(b" \r\n", b"\n"))


def _counted(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def _short(cell: str) -> str:
    text = readable(cell)
    return repr(text if len(text) <= 40 else text[:40] + "…")
