"""Memory is used again only when nobody holds the array that lies in it, nor a view of it."""

import gc
import os
import threading

import numpy as np
import pytest

from lumicrop.movies.recycled_memory import RecycledMemory

SHAPE = (4, 512, 1024)  # 4 MiB of u16
VIEWS = {
    "the array": lambda array: array,
    "a frame": lambda array: array[1],
    "a pixel's column": lambda array: array[:, 3, 5],
    "other numbers": lambda array: array.view(np.uint8),
    "a view of a view": lambda array: array[1:][0].reshape(-1)[::7],
    "a memoryview": lambda array: memoryview(array),
    "an array over its buffer": lambda array: np.frombuffer(array.data, np.uint16),
}


def address(array):
    return array.__array_interface__["data"][0]


def test_the_memory_of_an_array_that_is_gone_is_used_again():
    memory = RecycledMemory()
    first = memory.empty(SHAPE, np.uint16)
    place = address(first)
    del first
    again = memory.empty((2, 512, 1024), np.uint16)
    assert address(again) == place and again.flags.writeable and again.flags.c_contiguous


@pytest.mark.parametrize("kind", VIEWS)
def test_what_is_held_keeps_its_memory(kind):
    memory = RecycledMemory()
    array = memory.empty(SHAPE, np.uint16)
    array[...] = 7
    held = VIEWS[kind](array)
    del array
    gc.collect()
    other = memory.empty(SHAPE, np.uint16)
    other[...] = 9
    assert (
        (np.asarray(held).view(np.uint8).ravel()[::2].max() == 7)
        if kind == "other numbers"
        else (np.asarray(held) == 7).all()
    )
    del held
    gc.collect()
    assert not np.shares_memory(memory.empty(SHAPE, np.uint16), other)


def test_arrays_that_live_together_have_memory_of_their_own():
    memory = RecycledMemory()
    arrays = [memory.empty(SHAPE, np.uint16) for _ in range(12)]
    for number, array in enumerate(arrays):
        array[...] = number
    assert [int(array[0, 0, 0]) for array in arrays] == list(range(12)) and all(
        (a == n).all() for n, a in enumerate(arrays)
    )


def test_threads_never_share_an_array():
    memory, wrong = RecycledMemory(), []

    def work(number):
        for _ in range(60):
            array = memory.empty((1, 1024, 1024), np.uint16)
            array[...] = number
            if not (array == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_forked_child_has_a_copy():
    array = RecycledMemory().empty(SHAPE, np.uint16)
    array[...] = 7
    child = os.fork()
    if child == 0:
        array[...] = 9
        os._exit(0)
    os.waitpid(child, 0)
    assert (array == 7).all()


def test_what_comes_back_after_the_end_is_not_kept():
    memory = RecycledMemory()
    array = memory.empty(SHAPE, np.uint16)
    memory.close()
    array[...] = 3
    del array
    assert not memory._spare
