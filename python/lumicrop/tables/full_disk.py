"""A full disk, reported with the name of the file that was asked for instead of the one that is written meanwhile."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def room_for(target: Path) -> Iterator[None]:
    """Something that writes a file which will be `target`.

    Raises
    ------
    OSError
        As it was raised; where there is no room left, with the name of `target`.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise OSError(error.errno, error.strerror, str(target)) from None
