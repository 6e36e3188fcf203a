"""Memory of frames that is used again.

New memory is given by the system page by page, each cleared first, which takes as long as reading frames into it from
its cache. A part of a movie goes back as soon as nobody holds it, and the next is read to the same place.
"""

from __future__ import annotations

import math
import mmap
import weakref
from collections import deque

import numpy

#: Pieces that wait to be used again, at most; what comes back beyond is given to the system.
_MOST_SPARE = 8
#: Smaller arrays are not worth it: the allocator has room for them at hand.
_SMALLEST = 1 << 20
#: Memory of this process alone: a child made by ``fork`` gets a copy, as of any array.
_OWN = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}


class RecycledMemory:
    """Makes arrays whose memory serves the next one when they, and all views of them, are gone.

    It may be used by several threads.
    """

    def __init__(self) -> None:
        self._spare: deque[mmap.mmap] = deque(maxlen=_MOST_SPARE)
        self._closed = False

    def empty(self, shape: tuple[int, ...], dtype: numpy.dtype) -> numpy.ndarray:
        """An array of any content, as `numpy.empty` makes it."""
        n_bytes = math.prod(shape) * numpy.dtype(dtype).itemsize
        if n_bytes < _SMALLEST:
            return numpy.empty(shape, dtype)
        memory = self._take(n_bytes)
        # Views of views lead back to this array, as it is none of another one: while one is held, so is it.
        whole = numpy.frombuffer(memory, numpy.uint8, n_bytes)
        weakref.finalize(whole, self._take_back, memory).atexit = False
        return whole.view(dtype).reshape(shape)

    def _take(self, n_bytes: int) -> mmap.mmap:
        while self._spare:
            try:
                memory = self._spare.pop()
            except IndexError:  # another thread was faster
                break
            if len(memory) >= n_bytes:
                return memory
        return mmap.mmap(-1, n_bytes, **_OWN)

    def _take_back(self, memory: mmap.mmap) -> None:
        if not self._closed:
            self._spare.append(memory)

    def close(self) -> None:
        """Give what waits back to the system, and what comes back later too."""
        self._closed = True
        self._spare.clear()
