"""Writes any table as plain text or parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import pandas
import pyarrow
import pyarrow.compute

from ..input_error import InputError
from ..output_files import OutputFiles
from .parquet import ParquetWriter
from .table import AddedColumn, Table, TableWriter
from .text_cells import Spelling, Texts, bytes_of, number_cells, text_cells, word_cells
from .text_header import cell_text_of, readable
from .text_output import TextOutput
from .text_table import titled

#: Endings of the files that any table can be written as.
SUFFIXES = (".csv", ".parquet")
_ROWS_AT_ONCE = 1 << 16


def plain_writer(
    table: Table, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles
) -> TableWriter:
    """Begin to write a table, of whatever format, as ``.csv`` or ``.parquet``.

    Every column of `Table.data` is kept, with its name; new ones are named ``name [unit]`` in a csv, and have their
    unit in the field's metadata in parquet.

    Parameters
    ----------
    table, target, added, record, files
        As for `Table.writer`.

    Returns
    -------
    TableWriter

    Raises
    ------
    InputError
        The target is of another kind, or the table has such columns already.
    """
    suffix = target.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{target}: any table can be written as {' or '.join(SUFFIXES)}: give the output such a name")
    table.refuse_second_run()
    data = table.data()
    if suffix == ".csv":
        return CsvWriter(data, files.path(target), target, added)
    schema, batches = _arrow(data, table.path)
    return ParquetWriter(files.path(target), target, schema, batches, added, record, table.path)


class CsvWriter(TableWriter):
    """Writes a frame and new columns as comma-separated values.

    Parameters
    ----------
    data : pandas.DataFrame
        The old columns.
    path, target : pathlib.Path
        The file to write, and what it will be called.
    added : sequence of AddedColumn
    """

    def __init__(self, data: pandas.DataFrame, path: Path, target: Path, added: Sequence[AddedColumn]) -> None:
        self._data, self._added, self._done = data, added, 0
        self._spelling = Spelling()
        names = [*map(str, data.columns), *map(titled, added)]
        self._output = TextOutput(path, target)
        header = ",".join(cell_text_of(name, self._spelling.delimiter) for name in names) + "\n"
        try:
            self._output.write(header.encode("utf-8", errors="surrogateescape"))
        except BaseException:
            self._output.close()
            raise

    def write(self, values: Mapping[str, numpy.ndarray]) -> None:
        n = len(values[self._added[0].name])
        for start in range(0, n, _ROWS_AT_ONCE):
            stop = min(n, start + _ROWS_AT_ONCE)
            old = self._data.iloc[self._done : self._done + stop - start]
            cells = [self._old_cells(old.iloc[:, index]) for index in range(old.shape[1])]
            for column in self._added:
                part = values[column.name][start:stop]
                is_words = bool(column.words)
                cells.append(
                    word_cells(part, column.words, self._spelling) if is_words else number_cells(part, self._spelling)
                )
            ended = pyarrow.compute.binary_join_element_wise(cells[-1], "\n", "")
            rows = pyarrow.compute.binary_join_element_wise(*cells[:-1], ended, ",")
            self._output.write(bytes_of(rows))
            self._done += stop - start

    def _old_cells(self, column: pandas.Series) -> Texts:
        if isinstance(column.dtype, numpy.dtype) and column.dtype.kind in "iuf":
            return number_cells(column.to_numpy(), self._spelling)
        try:
            texts = pyarrow.array(column, from_pandas=True).cast(pyarrow.string())
        except (pyarrow.ArrowException, TypeError, UnicodeError):  # objects of several kinds, or bytes that are no text
            shown = [None if missing else readable(str(cell)) for cell, missing in zip(column, column.isna())]
            texts = pyarrow.array(shown, pyarrow.string())
        return text_cells(texts, self._spelling)

    def close(self) -> None:
        self._output.close()


def _arrow(data: pandas.DataFrame, path: Path) -> tuple[pyarrow.Schema, Iterator[pyarrow.RecordBatch]]:
    try:
        table = pyarrow.Table.from_pandas(data, preserve_index=False)
    except (pyarrow.ArrowException, UnicodeError) as error:
        raise InputError(f"{path}: a column cannot be written as parquet ({error}): write a .csv") from None
    return table.schema.remove_metadata(), iter(table.to_batches())
