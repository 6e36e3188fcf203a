"""Tables of detections: read what photons are counted from, write back every column and the new ones.

A format is one class in a module of its own, listed in `READERS`; docs/formats.md tells what each of them means by its
numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas

from ..input_error import InputError
from ..output_files import OutputFiles
from .decode import DecodeTable
from .elyra import ElyraTable
from .insight3 import Insight3Table
from .nanoimager import NanoimagerTable
from .picasso import PicassoTable
from .plain import DataFrameTable, PlainTable
from .plain_writer import SUFFIXES as PLAIN_SUFFIXES
from .plain_writer import plain_writer
from .rapidstorm import RapidstormTable
from .smap import SmapTable
from .smlmlp import SmlmlpTable
from .storm_analysis import StormAnalysisTable
from .table import AddedColumn, Table, TableWriter
from .thunderstorm import ThunderstormTable

__all__ = [
    "READERS", "AddedColumn", "DataFrameTable", "DecodeTable", "ElyraTable", "Insight3Table", "NanoimagerTable", "PicassoTable",
    "PlainTable", "RapidstormTable", "SmapTable", "SmlmlpTable", "StormAnalysisTable", "Table", "TableWriter", "ThunderstormTable",
    "open_writer", "output_paths", "read_table",
]  # fmt: skip

#: Every format that a file is known by, in the order in which they are asked.
READERS: tuple[type[Table], ...] = (
    PicassoTable, DecodeTable, StormAnalysisTable, SmapTable, Insight3Table,
    RapidstormTable, ElyraTable, SmlmlpTable, ThunderstormTable, NanoimagerTable,
)  # fmt: skip

_HEAD_BYTES = 1 << 16


def read_table(
    source: str | Path | pandas.DataFrame | Table,
    columns: Mapping[str, str] | None = None,
    *,
    unit: str | None = None,
    origin: str | None = None,
    first_frame: int | None = None,
    first_pixel_at: float | None = None,
) -> Table:
    """Read a table of detections. The program that wrote it is recognised by what stands in the file.

    Parameters
    ----------
    source : str, pathlib.Path, pandas.DataFrame or Table
        A file of ThunderSTORM, Picasso, SMAP, rapidSTORM, DECODE, storm-analysis, Insight3, Zeiss Elyra, ONI Nanoimager
        or smlmlp; any other csv, tsv, parquet, npz or mat file, or a data frame, with `columns`. A `Table` is given back
        as it is.
    columns : mapping of str to str, optional
        Which column is what, such as ``{"x": "x_px", "y": "y_px", "frame": "t"}``. The quantities: ``x``, ``y``,
        ``frame``, ``z`` [nm], ``sigma``, or ``sigma_x`` and ``sigma_y``, ``angle`` [degrees], ``background``
        [photon/px], ``photons``.
    unit : {"px", "nm"}, optional
        With `columns`: the unit of positions and widths.
    origin : {"first_pixel", "pixel_corner"}, optional
        With `columns`: what position 0 is: the first pixel's centre or its outer corner.
    first_frame : int, optional
        With `columns`: the number of the first frame.
    first_pixel_at : float, optional
        With `columns`: what the table calls position 0, in `unit`: 1 for programs that count pixels from 1. Default: 0.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        The format is not known, a column is missing, or a value cannot be read.
    OSError
        The file cannot be opened.
    """
    if isinstance(source, Table):
        return source
    meaning = {
        "unit": unit, "origin": origin, "first_frame": first_frame,
        **({} if first_pixel_at is None else {"first_pixel_at": first_pixel_at}),
    }  # fmt: skip
    if isinstance(source, pandas.DataFrame):
        return DataFrameTable(source, columns, **meaning)
    path = Path(source)
    if columns is None and "::" not in path.name:
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
        if not head:
            raise InputError(f"{path}: the file is empty")
        for reader in READERS:
            if reader.recognises(path, head):
                _refuse_meaning(reader, unit, first_pixel_at)
                return reader(path)
    return PlainTable(path, columns, **meaning)


def _refuse_meaning(reader: type[Table], unit: str | None, first_pixel_at: float | None) -> None:
    for option, value in (("unit", unit), ("first-pixel-at", first_pixel_at)):
        if value is not None:
            raise InputError(
                f"--{option} is for tables of no known program, read with --columns; {reader.format} has its own"
            )


def output_paths(table: Table, out: Path | None) -> tuple[Path, list[Path]]:
    """The table to write, and every file that this takes, the table last.

    Parameters
    ----------
    table : Table
    out : pathlib.Path or None
        None: beside the input, with ``_lumicrop`` added to its name.

    Raises
    ------
    InputError
        The ending is neither the format's own nor one of `PLAIN_SUFFIXES`.
    """
    own = table.output_suffix
    if out is None:
        out = table.path.with_name(f"{table.path.stem}_lumicrop{own}")
    if out.suffix.lower() == own.lower():
        return out, table.written_paths(out)
    if out.suffix.lower() in PLAIN_SUFFIXES:
        return out, [out]
    choices = " or ".join(dict.fromkeys((own, *PLAIN_SUFFIXES)))
    raise InputError(f"{out}: the output has the table's format: give it a name that ends in {choices}")


def open_writer(
    table: Table, target: Path, added: Sequence[AddedColumn], record: Mapping[str, Any], files: OutputFiles
) -> TableWriter:
    """Begin to write a table again, in its own format or as a plain one, by the target's ending.

    See `Table.writer` for the parameters.
    """
    if target.suffix.lower() == table.output_suffix.lower():
        return table.writer(target, added, record, files)
    table.refuse_second_run()
    return plain_writer(table, target, added, record, files)
