"""Parquet: columns with types; a table keeps its schema and what its metadata says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import pandas
import pyarrow
import pyarrow.parquet

from ..input_error import InputError
from ..movies.foreign_errors import explained
from .full_disk import room_for
from .table import AddedColumn, TableWriter

#: Key of the file's metadata under which a table keeps what was done.
RECORD_KEY = b"lumicrop"
_NUMBERS = (
    pyarrow.types.is_integer, pyarrow.types.is_floating, pyarrow.types.is_decimal, pyarrow.types.is_null,
)  # fmt: skip


class ParquetFile:
    """A parquet file that was opened once and may be read again.

    Attributes
    ----------
    names : list of str
    n_rows : int
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        open(path, "rb").close()  # a missing or unreadable file is reported as that
        with self._open() as file, explained(path, "this is not a whole parquet file"):
            self.schema, self.n_rows = file.schema_arrow, file.metadata.num_rows
            filled = file.metadata.num_row_groups and file.metadata.num_columns
            self.compression = file.metadata.row_group(0).column(0).compression if filled else "SNAPPY"
        self.names = list(self.schema.names)
        if len(set(self.names)) != len(self.names):
            raise InputError(f"{path}: two columns have the same name")

    def _open(self) -> pyarrow.parquet.ParquetFile:
        with explained(self.path, "this is not a whole parquet file"):
            return pyarrow.parquet.ParquetFile(self.path)

    def numbers(self, used: Sequence[str]) -> dict[str, numpy.ndarray]:
        """Columns of numbers, float64; nulls are NaN."""
        for name in used:
            kind = self.schema.field(name).type
            if not any(fits(kind) for fits in _NUMBERS):
                raise InputError(f"{self.path}: column {name!r} holds {kind}, but must hold numbers")
        table = self._read(list(used))
        return {name: _numbers(table.column(name)) for name in used}

    def _read(self, names: list[str] | None) -> pyarrow.Table:
        with self._open() as file, explained(self.path, "the table cannot be read"):
            return file.read(columns=names)

    def data(self) -> pandas.DataFrame:
        return self._read(None).to_pandas(ignore_metadata=True)

    def batches(self) -> Iterator[pyarrow.RecordBatch]:
        """The rows in order."""
        with self._open() as file, explained(self.path, "the table was changed while it was read"):
            yield from file.iter_batches()


def _numbers(column: pyarrow.ChunkedArray) -> numpy.ndarray:
    values = column.cast(pyarrow.float64(), safe=False)
    return numpy.asarray(values.to_numpy(), numpy.float64)


class ParquetWriter(TableWriter):
    """Writes rows with new columns, one row group for each call of `write`.

    Parameters
    ----------
    path, target : pathlib.Path
        The file to write, and what it will be called.
    schema : pyarrow.Schema
        Of the old columns, with the metadata of the file.
    batches : iterator of pyarrow.RecordBatch
        The old columns, in order.
    added : sequence of AddedColumn
    record : mapping
        Kept in the file's metadata as JSON, under `RECORD_KEY`.
    source : pathlib.Path
        Where the old columns come from, for messages.
    compression : str
    """

    def __init__(
        self,
        path: Path,
        target: Path,
        schema: pyarrow.Schema,
        batches: Iterator[pyarrow.RecordBatch],
        added: Sequence[AddedColumn],
        record: Mapping[str, Any],
        source: Path,
        compression: str = "SNAPPY",
    ) -> None:
        self._source, self._target, self._batches, self._added = source, target, batches, added
        self._rest: list[pyarrow.RecordBatch] = []
        new = [pyarrow.field(column.name, _type(column), metadata=_unit(column)) for column in added]
        metadata = {**(schema.metadata or {}), RECORD_KEY: json.dumps(dict(record), default=str).encode()}
        self._schema = pyarrow.schema([*schema, *new], metadata)
        with room_for(target):
            self._writer = pyarrow.parquet.ParquetWriter(path, self._schema, compression=_codec(compression))

    def write(self, values: Mapping[str, numpy.ndarray]) -> None:
        n = len(values[self._added[0].name])
        if not n:
            return
        old = self._take(n)
        new = [_array(values[column.name], column) for column in self._added]
        table = pyarrow.Table.from_arrays([*old.columns, *new], schema=self._schema)
        with room_for(self._target):
            self._writer.write_table(table, row_group_size=n)

    def _take(self, n: int) -> pyarrow.Table:
        taken: list[pyarrow.RecordBatch] = []
        while n:
            batch = self._rest.pop() if self._rest else next(self._batches, None)
            if batch is None:
                raise InputError(f"{self._source}: the table became shorter while it was read")
            taken.append(batch.slice(0, n))
            if batch.num_rows > n:
                self._rest.append(batch.slice(n))
            n -= taken[-1].num_rows
        return pyarrow.Table.from_batches(taken)

    def close(self) -> None:
        if hasattr(self._batches, "close"):
            self._batches.close()  # and with it the file that is read
        with room_for(self._target):
            self._writer.close()


def _codec(compression: str) -> str:
    return "NONE" if compression in ("UNCOMPRESSED", "LZO") else compression


def _unit(column: AddedColumn) -> dict[bytes, bytes] | None:
    return {b"unit": column.unit.encode()} if column.unit else None


def _type(column: AddedColumn) -> pyarrow.DataType:
    # Signed indices: pandas reads no others.
    return (
        pyarrow.dictionary(pyarrow.int16(), pyarrow.string())
        if column.words
        else pyarrow.from_numpy_dtype(column.dtype)
    )


def _array(values: numpy.ndarray, column: AddedColumn) -> pyarrow.Array:
    if not column.words:
        return pyarrow.array(values, _type(column))
    indices = pyarrow.array(values.astype(numpy.int16))
    return pyarrow.DictionaryArray.from_arrays(indices, pyarrow.array(column.words, pyarrow.string()))
