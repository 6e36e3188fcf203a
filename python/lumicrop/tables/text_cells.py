"""Numbers and words as cells of text, a whole column at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import pyarrow
import pyarrow.compute

from .text_header import cell_text_of

#: The types that values and words have here.
Texts = pyarrow.Array


@dataclass(frozen=True)
class Spelling:
    """How a program writes cells.

    Attributes
    ----------
    delimiter : bytes
        What stands between two cells.
    nan, infinity : str
        What it writes for numbers that are none.
    words : bool
        Whether words are written as words; else as their index.
    """

    delimiter: bytes = b","
    nan: str = "nan"
    infinity: str = "inf"
    words: bool = True


def number_cells(values: numpy.ndarray, spelling: Spelling) -> Texts:
    """Numbers as text: the shortest that is read back as the same number; whole numbers have no point."""
    texts = pyarrow.compute.cast(pyarrow.array(values), pyarrow.string())
    if values.dtype.kind == "f" and not numpy.isfinite(values).all():
        for those, text in (
            (numpy.isnan(values), spelling.nan),
            (values == numpy.inf, spelling.infinity),
            (values == -numpy.inf, "-" + spelling.infinity),
        ):
            texts = pyarrow.compute.if_else(pyarrow.array(those), text, texts)
    return texts


def word_cells(indices: numpy.ndarray, words: tuple[str, ...], spelling: Spelling) -> Texts:
    """Words, or their indices, as text."""
    if not spelling.words:
        return number_cells(indices, spelling)
    cells = pyarrow.array([cell_text_of(word, spelling.delimiter) for word in words], pyarrow.string())
    return cells.take(pyarrow.array(indices))


def text_cells(texts: Texts, spelling: Spelling) -> Texts:
    """Texts as cells, in quotes where they need them; empty where there is none."""
    texts = pyarrow.compute.fill_null(texts, "")
    special = f'[{_regex_escaped(spelling.delimiter.decode())}"\r\n]'
    quoted = pyarrow.compute.match_substring_regex(texts, special)
    if not pyarrow.compute.any(quoted).as_py():
        return texts
    doubled = pyarrow.compute.replace_substring(texts, '"', '""')
    in_quotes = pyarrow.compute.binary_join_element_wise('"', doubled, '"', "")
    return pyarrow.compute.if_else(quoted, in_quotes, texts)


def _regex_escaped(character: str) -> str:
    return "\\t" if character == "\t" else character


def bytes_of(texts: Texts) -> memoryview:
    """All texts of an array, one directly after the other."""
    texts = texts.cast(pyarrow.large_binary())
    _, offsets, data = texts.buffers()
    if data is None or not len(texts):
        return memoryview(b"")
    offsets = numpy.frombuffer(offsets, numpy.int64, len(texts) + 1, texts.offset * 8)
    return memoryview(data)[offsets[0] : offsets[-1]]
