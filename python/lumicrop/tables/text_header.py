"""The line that names the columns of a file of text, and the same line with more names."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import BinaryIO

from ..input_error import InputError
from .text_rows import LONGEST_LINE

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def first_line(file: BinaryIO, path: Path, number: int = 1) -> bytes:
    """The next line of a file, the first or one near it, without its line end.

    Raises
    ------
    InputError
        There is none, or it is no text.
    """
    line = file.readline(LONGEST_LINE + 1)
    if not line:
        raise InputError(f"{path}: the file is empty")
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path}: the file is UTF-16: save it as UTF-8")
    if len(line) > LONGEST_LINE:
        raise InputError(f"{path}: line {number} is longer than {LONGEST_LINE >> 20} MiB: this is not a table of text")
    if b"\0" in line:
        raise InputError(f"{path}: line {number} holds a byte of zero: this is not a table of text")
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    if b"\r" in line:
        raise InputError(f"{path}: line {number} has a carriage return within: save the table with line feeds")
    return line


def cells_of(line: bytes, delimiter: bytes) -> list[str]:
    """The cells of one line; bytes that are no UTF-8 stay what they are. One cell where quotes do not match."""
    text = line.decode("utf-8", errors="surrogateescape")
    if delimiter == b" ":
        return text.split()
    try:
        return next(csv.reader([text], delimiter=delimiter.decode()), [])
    except csv.Error:
        return [text]


def header_names(line: bytes, delimiter: bytes) -> list[str]:
    """Column names of a header. Some programs quote the whole header once more: then it is one cell with it within."""
    line = line.removeprefix(_BYTE_ORDER_MARK)
    names = cells_of(line, delimiter)
    if len(names) == 1 and is_quoted_twice(line, delimiter):
        names = cells_of(names[0].encode("utf-8", errors="surrogateescape"), delimiter)
    return [name.strip() for name in names]


def is_quoted_twice(line: bytes, delimiter: bytes) -> bool:
    """Whether the whole header is one quoted cell."""
    line = line.removeprefix(_BYTE_ORDER_MARK).rstrip()
    return line.startswith(b'"') and line.endswith(b'"') and len(cells_of(line, delimiter)) == 1 and delimiter in line


def header_with(line: bytes, names: list[str], delimiter: bytes) -> bytes:
    """A header with more names at its end, quoted as its last name is."""
    body = line.rstrip(b" ")
    twice = is_quoted_twice(line, delimiter)
    quoted = body.endswith(b'""' if twice else b'"')
    cells = [cell_text_of(name, delimiter, always=quoted) for name in names]
    more = b"".join(delimiter + cell.encode() for cell in cells)
    if not twice:
        return line + more
    return body[:-1] + more.replace(b'"', b'""') + b'"' + line[len(body) :]


def cell_text_of(text: str, delimiter: bytes, always: bool = False) -> str:
    """A cell with a text in it, in quotes where it needs them or `always`."""
    if always or re.search(f'[{re.escape(delimiter.decode())}"\r\n]', text):
        text = '"' + text.replace('"', '""') + '"'
    return text


def refuse_equal_names(names: list[str], path: Path) -> None:
    """Two columns of one name cannot be told apart.

    Raises
    ------
    InputError
        A name stands twice.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{path}: two columns have the same name in the header, {readable(name)!r}")
        seen.add(name)


def readable(text: str) -> str:
    """A text from a file that can be shown anywhere."""
    return text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")
