"""Reading ahead and writing behind, each on a thread of its own, so that neither waits for the computing."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy

from .tables import TableWriter

Item = TypeVar("Item")

#: Rows that are written at a time, at least; fewer only at the end.
ROWS_AT_ONCE = 1 << 16
#: How long a thread may take to end what it is doing when a run is given up [s].
_PATIENCE = 5.0


class ReadAhead(Iterator[Item]):
    """The items of an iterator, made on another thread, a few of them before they are asked for.

    A context manager: leaving it ends the thread, also in the middle.

    Parameters
    ----------
    items : iterator
        What makes them; it is run on the other thread.
    depth : int, default 2
        Items that wait, at most. One more is in the making, and one in use.
    """

    _END = object()

    def __init__(self, items: Iterator[Item], depth: int = 2) -> None:
        self._items = items
        self._ready: queue.Queue[Any] = queue.Queue(depth)
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lumicrop-read", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        last: Any = self._END
        try:
            for item in self._items:
                if not self._put((item, None)):
                    return
        except BaseException as error:  # raised again where the items are used
            last = error
        self._put((self._END, last if last is not self._END else None))

    def _put(self, entry: tuple[Any, BaseException | None]) -> bool:
        while not self._given_up.is_set():
            try:
                self._ready.put(entry, timeout=0.1)
                return True
            except queue.Full:
                pass
        return False

    @property
    def is_ahead(self) -> bool:
        """True while as many items wait as may: whoever uses them is the slower one."""
        return self._ready.full()

    def __next__(self) -> Item:
        item, error = self._ready.get()
        if item is self._END:
            self._ready.put((self._END, None))  # whoever asks again learns that it is over
            if error is not None:
                raise error
            raise StopIteration
        return item

    def __enter__(self) -> ReadAhead[Item]:
        return self

    def __exit__(self, *_: object) -> None:
        self._given_up.set()
        while True:  # an item that waits would hold its memory
            try:
                self._ready.get_nowait()
            except queue.Empty:
                break
        self._thread.join(_PATIENCE)


class WriteBehind:
    """Gives a table's rows to its writer on another thread, as soon as all rows before them are done.

    A context manager: on a regular exit every row has been written; on an exception the thread is ended.

    Parameters
    ----------
    writer : TableWriter
    values : callable
        ``values(start, stop)`` gives the added columns of rows that `advance` has passed.
    n_rows : int
        Rows of the table.
    """

    def __init__(
        self, writer: TableWriter, values: Callable[[int, int], Mapping[str, numpy.ndarray]], n_rows: int
    ) -> None:
        self._writer, self._values, self._n_rows = writer, values, n_rows
        self._done = 0
        self._given_up = False
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="lumicrop-write", daemon=True)
        self._thread.start()

    def advance(self, done: int) -> None:
        """Say that the first `done` rows of the table have their final values.

        Raises
        ------
        InputError, OSError
            What the writer raised meanwhile.
        """
        with self._changed:
            self._done = done
            self._changed.notify()
            if self._error is not None:
                raise self._error

    def _run(self) -> None:
        written = 0
        try:
            while written < self._n_rows:
                with self._changed:
                    while not self._given_up and not self._enough(written):
                        self._changed.wait()
                    if self._given_up:
                        return
                    done = self._done
                while written < done:
                    stop = min(written + ROWS_AT_ONCE, done)
                    self._writer.write(self._values(written, stop))
                    written = stop
                    if self._given_up:
                        return
            self._writer.close()
        except BaseException as error:  # raised again where the run is
            self._error = error

    def _enough(self, written: int) -> bool:
        return self._done - written >= ROWS_AT_ONCE or self._done == self._n_rows

    def __enter__(self) -> WriteBehind:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.advance(self._n_rows)
                while self._thread.is_alive():
                    self._thread.join(0.1)  # in steps, so that Ctrl-C is heard
        finally:
            with self._changed:
                self._given_up = True
                self._changed.notify()
            self._thread.join(_PATIENCE)
        if kind is None and self._error is not None:
            raise self._error
