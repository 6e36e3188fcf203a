"""What the tables of text have in common: one header, one row per line, the file's bytes kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import pandas

from ..input_error import InputError
from ..output_files import OutputFiles
from .table import AddedColumn, Table, TableWriter
from .text_cells import Spelling
from .text_file import TextFile
from .text_header import first_line, header_names, header_with, readable, refuse_equal_names
from .text_writer import TextWriter


class TextTable(Table):
    """A table of a program that names its columns in the first line.

    A format states `required` and `used`, and takes what it needs in `_take`.

    Attributes
    ----------
    channels : tuple of float
        The different numbers in the column `channel_column`; empty where there is no such column. A movie is of one
        channel: of a table with several, the rows of the others do not belong to it.
    """

    #: Columns without which there is no such table.
    required: tuple[str, ...] = ()
    #: Other columns of numbers that are looked at where they stand.
    used: tuple[str, ...] = ()
    #: How cells are written.
    spelling = Spelling()
    #: Column with the number of the channel.
    channel_column: str | None = None
    #: How the unit of a new column is put behind its name.
    unit_form = "{name} [{unit}]"
    #: Matches the line feed before the first line that is no row any more.
    footer: re.Pattern[bytes] | None = None

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with open(path, "rb") as file:
            self._head = first_line(file, path)
        self.column_names = names = self._names(self._head)
        refuse_equal_names(names, path)
        for name in self.required:
            self._require(name)
        self._file = TextFile(path, names, self.spelling.delimiter, len(self._head), footer=self.footer)
        wanted = (*self.required, *self.used, *([self.channel_column] if self.channel_column else []))
        columns = self._file.numbers([name for name in dict.fromkeys(wanted) if name in names])
        channel = columns.get(self.channel_column)
        self.channels = () if channel is None else tuple(numpy.unique(channel[numpy.isfinite(channel)]).tolist())
        self._take(columns)

    def _names(self, header: bytes) -> list[str]:
        return header_names(header, self.spelling.delimiter)

    def _require(self, *names: str) -> None:
        """One of these columns has to be there."""
        if not any(name in self.column_names for name in names):
            columns = ", ".join(map(readable, self.column_names))
            wanted = " or ".join(f'"{name}"' for name in names)
            raise InputError(f"{self.path}: column {wanted} is missing; the columns are {columns}")

    def _take(self, columns: Mapping[str, numpy.ndarray]) -> None:
        """Set the attributes of a `Table` from columns of numbers."""
        raise NotImplementedError

    def data(self) -> pandas.DataFrame:
        return self._file.data()

    def writer(
        self, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles
    ) -> TableWriter:
        self.refuse_second_run()
        return TextWriter(self._file, files.path(target), target, self._head_with(added), added, self.spelling)

    def _head_with(self, added: Sequence[AddedColumn]) -> bytes:
        """The header with the new names."""
        return header_with(self._head, [titled(column, self.unit_form) for column in added], self.spelling.delimiter)


def titled(column: AddedColumn, unit_form: str = TextTable.unit_form) -> str:
    """A new column's name, with its unit if it has one."""
    return unit_form.format(name=column.name, unit=column.unit) if column.unit else column.name


def names_in(head: bytes, delimiter: bytes = b",") -> list[str]:
    """Column names that a file of text begins with, of its first bytes; empty when it does not look like text."""
    line = head.split(b"\n", 1)[0].removesuffix(b"\r")
    return [] if b"\0" in line else header_names(line, delimiter)
