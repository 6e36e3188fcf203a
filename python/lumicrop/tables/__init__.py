"""Tables of detections: read what photons are counted from, write back every column and the new ones.

A format is one class in a module of its own, listed in `READERS`. Each states the frame base, the unit of length and
the origin that its program uses:

=====================  ===========  ============  =============================================
format                 first frame  x, y, widths  coordinate 0 is
=====================  ===========  ============  =============================================
Picasso ``.hdf5``      0            px            the first pixel's centre (``first_pixel``)
ThunderSTORM ``.csv``  1            nm            the first pixel's corner (``pixel_corner``)
=====================  ===========  ============  =============================================
"""

from __future__ import annotations

from pathlib import Path

from ..input_error import InputError
from .picasso import PicassoTable
from .table import AddedColumn, Table
from .thunderstorm import ThunderstormTable

__all__ = ["READERS", "AddedColumn", "PicassoTable", "Table", "ThunderstormTable", "read_table"]

#: Every table format, in the order in which they are tried.
READERS: tuple[type[Table], ...] = (PicassoTable, ThunderstormTable)


def read_table(path: str | Path) -> Table:
    """Read a table of detections, by its file name's ending.

    Parameters
    ----------
    path : str or pathlib.Path
        Picasso's ``.hdf5`` (its ``.yaml`` beside it is read too) or ThunderSTORM's ``.csv``.

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
    path = Path(path)
    for reader in READERS:
        if path.suffix.lower() in reader.suffixes:
            return reader(path)
    known = ", ".join(suffix for reader in READERS for suffix in reader.suffixes)
    raise InputError(f"{path}: a table's name ends in one of {known}")
