"""Reading ahead and writing behind: nothing is lost, errors arrive, and giving up ends both."""

import threading
import time

import numpy as np
import pytest

from lumicrop.background_threads import ROWS_AT_ONCE, ReadAhead, WriteBehind


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lumicrop")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert threads() == []


# -------------------------------------------------------------------------------------------------------- reading ahead


def test_items_come_in_order_and_end():
    with ReadAhead(iter(range(50))) as items:
        assert list(items) == list(range(50))
        assert list(items) == []


def test_items_are_made_while_others_are_used():
    made = []

    def make():
        for number in range(6):
            made.append(number)
            yield number

    with ReadAhead(make(), depth=2) as items:
        assert next(items) == 0
        until = time.monotonic() + 10
        while len(made) < 4 and time.monotonic() < until:
            time.sleep(0.01)
        assert made == [0, 1, 2, 3]  # two wait, and one more is in the making


def test_an_error_arrives_after_the_items_before_it():
    def make():
        yield 1
        raise OSError(5, "Input/output error", "movie.raw")

    with ReadAhead(make()) as items:
        assert next(items) == 1
        with pytest.raises(OSError, match="movie.raw"):
            next(items)


def test_leaving_in_the_middle_ends_the_thread():
    closed = []

    def make():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    source = make()
    with pytest.raises(KeyboardInterrupt):
        with ReadAhead(source) as items:
            next(items)
            raise KeyboardInterrupt
    source.close()
    assert closed == [True]


# -------------------------------------------------------------------------------------------------------- writing behind


class Kept:
    """A writer that keeps what it is given, or fails."""

    def __init__(self, error=None, delay=0.0):
        self.rows, self.closed, self.error, self.delay = [], False, error, delay

    def write(self, values):
        time.sleep(self.delay)
        if self.error is not None:
            raise self.error
        self.rows.append(values["row"].copy())

    def close(self):
        self.closed = True


@pytest.mark.parametrize("n, step", [(1, 1), (10, 3), (3 * ROWS_AT_ONCE + 7, 1000), (2 * ROWS_AT_ONCE, ROWS_AT_ONCE)])
def test_every_row_is_written_once_and_in_order(n, step):
    column, writer = np.arange(n), Kept()
    with WriteBehind(writer, lambda start, stop: {"row": column[start:stop]}, n) as behind:
        for done in range(0, n, step):
            behind.advance(done)
    np.testing.assert_array_equal(np.concatenate(writer.rows), column)
    assert writer.closed and max(map(len, writer.rows)) <= ROWS_AT_ONCE


def test_rows_are_written_before_the_last_is_done():
    n, writer = 4 * ROWS_AT_ONCE, Kept()
    with WriteBehind(writer, lambda start, stop: {"row": np.arange(start, stop)}, n) as behind:
        behind.advance(2 * ROWS_AT_ONCE)
        until = time.monotonic() + 10
        while len(writer.rows) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        assert len(writer.rows) == 2 and not writer.closed


def test_the_writers_error_arrives_at_the_end_or_before():
    error = OSError(28, "No space left on device", "out.csv")
    with pytest.raises(OSError, match="No space left"):
        with WriteBehind(Kept(error), lambda start, stop: {"row": np.arange(start, stop)}, 5):
            pass
    with pytest.raises(OSError, match="No space left"):
        with WriteBehind(Kept(error), lambda start, stop: {"row": np.arange(start, stop)}, 10 * ROWS_AT_ONCE) as behind:
            for done in range(0, 10 * ROWS_AT_ONCE, ROWS_AT_ONCE):
                behind.advance(done)
                time.sleep(0.01)


def test_giving_up_writes_no_further():
    writer = Kept(delay=0.05)
    with pytest.raises(KeyboardInterrupt):
        with WriteBehind(writer, lambda start, stop: {"row": np.arange(start, stop)}, 100 * ROWS_AT_ONCE) as behind:
            behind.advance(100 * ROWS_AT_ONCE - 1)
            raise KeyboardInterrupt
    assert len(writer.rows) < 100 and not writer.closed
