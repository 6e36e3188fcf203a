"""Plain files of text: which character parts the cells, and where the columns' names stand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..input_error import InputError
from .table import AddedColumn
from .text_cells import Spelling
from .text_file import TextFile, number_in
from .text_header import first_line, header_names, header_with, refuse_equal_names
from .text_rows import LONGEST_LINE
from .text_table import titled

_DELIMITERS = (b"\t", b",", b";")


@dataclass(frozen=True)
class PlainLayout:
    """How a plain file of text is laid out.

    Attributes
    ----------
    before : bytes
        What stands before the header: comments.
    header : bytes or None
        The line with the names, its mark of a comment included; None: there are only numbers.
    after : bytes
        What stands between the header and the first row's line end.
    names : list of str
        The names, or the columns' numbers from 1.
    delimiter : bytes
    """

    before: bytes
    header: bytes | None
    after: bytes
    names: list[str]
    delimiter: bytes

    @property
    def spelling(self) -> Spelling:
        return Spelling(self.delimiter, words=self.delimiter != b" ")  # words with spaces would be several cells

    def file(self, path: Path) -> TextFile:
        start = len(self.before) + len(self.header or b"") + len(self.after)
        line = 1 + self.before.count(b"\n") + self.after.count(b"\n")
        return TextFile(path, self.names, self.delimiter, start, line)

    def head_with(self, added: list[AddedColumn]) -> bytes:
        """All before the first row's line end, with the new names."""
        if self.header is None:
            return self.before + self.after
        form = "{name}" if self.delimiter == b" " else "{name} [{unit}]"
        names = [titled(column, form) for column in added]
        return self.before + header_with(self.header, names, self.delimiter) + self.after


def plain_layout(path: Path) -> PlainLayout:
    """Look at the first lines of a file.

    Lines that begin with ``#`` are comments; the last of them names the columns when no other line does.

    Raises
    ------
    InputError
        The file is empty or no text, or two columns have the same name.
    """
    with open(path, "rb") as file:
        comments, line = _comments(file, path)
    delimiter = _delimiter(line)
    cells = header_names(line, delimiter)
    if not all(cell and number_in(cell) is not None for cell in cells):
        layout = PlainLayout(b"".join(comments), line, b"", cells, delimiter)
    elif comments and len(names := header_names(comments[-1].lstrip(b"# "), delimiter)) == len(cells):
        text = comments[-1].rstrip(b"\r\n")
        layout = PlainLayout(b"".join(comments[:-1]), text, comments[-1][len(text) :], names, delimiter)
    else:
        numbers = [str(index + 1) for index in range(len(cells))]
        layout = PlainLayout(b"".join(comments), None, b"", numbers, delimiter)
    refuse_equal_names(layout.names, path)
    return layout


def _comments(file: BinaryIO, path: Path) -> tuple[list[bytes], bytes]:
    """The lines at the top that are empty or begin with #, whole, and the first other one without its line end."""
    comments: list[bytes] = []
    while True:
        at = file.tell()
        if at > LONGEST_LINE:
            raise InputError(f"{path}: the first {LONGEST_LINE >> 20} MiB are comments: this is not a table of text")
        line = first_line(file, path, 1 + len(comments))
        if line and not line.startswith(b"#"):
            return comments, line
        end = file.tell()
        file.seek(at)
        comments.append(file.read(end - at))


def _delimiter(line: bytes) -> bytes:
    """The first of tab, comma and semicolon that stands in a line outside of quotes, else a space."""
    outside = b"".join(line.split(b'"')[::2]) or line  # a header that is quoted as a whole has none outside
    return next((delimiter for delimiter in _DELIMITERS if delimiter in outside), b" ")
