"""What other libraries raise about a damaged file, turned into one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..input_error import InputError

_LONGEST_REASON = 200


@contextmanager
def explained(path: Path, what: str) -> Iterator[None]:
    """Whatever goes wrong inside becomes an `InputError` or an `OSError` that names the file.

    A damaged file makes the libraries that decode it raise anything: no list of exceptions would be complete.

    Parameters
    ----------
    path : pathlib.Path
        The file that is read inside.
    what : str
        What is wrong then, such as ``"frame 3 cannot be read"``; the library's own reason follows in brackets.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{path}: {what} (it takes more memory than there is)") from None
    except OSError as error:
        if error.errno is not None and error.strerror:
            filename = error.filename if isinstance(error.filename, (str, bytes, os.PathLike)) else str(path)
            raise OSError(error.errno, error.strerror, filename) from None
        raise InputError(f"{path}: {what} ({_reason(error)})") from None
    except Exception as error:
        raise InputError(f"{path}: {what} ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "..."
