"""Movies in memory, and movies that compute their blocks when they are asked for."""

import dask.array
import h5py
import numpy as np
import pytest
import zarr
from test_movies import frames

from lumicrop.input_error import InputError
from lumicrop.movies import PIXEL_TYPES, ArrayMovie, open_movie


def assert_reads(array, movie):
    with open_movie(array) as opened:
        assert opened.shape == movie.shape and opened.dtype == movie.dtype.newbyteorder("=")
        for first, last in ((0, len(movie)), (2, 3), (1, 4), (len(movie) - 1, len(movie))):
            read = opened.read(first, last)
            assert read.dtype.isnative and read.flags.c_contiguous and read.flags.writeable
            np.testing.assert_array_equal(read, movie[first:last])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", PIXEL_TYPES)
def test_an_array_is_a_movie(dtype, order):
    movie = frames(dtype)
    assert_reads(movie.astype(movie.dtype.newbyteorder(order)), movie)


@pytest.mark.parametrize("chunks", [(3, 5, 9), (1, 2, 4), (7, 5, 9), ((2, 4, 1), (5,), (6, 3))])
def test_a_dask_array_is_a_movie(chunks):
    movie = frames()
    assert_reads(dask.array.from_array(movie, chunks=chunks), movie)


@pytest.mark.parametrize("make", [np.asfortranarray, lambda movie: movie[:, ::-1], lambda movie: movie[:, None]])
def test_the_layout_in_memory_does_not_matter(make):
    movie = make(frames())
    assert_reads(movie, np.ascontiguousarray(movie).reshape(7, 5, 9))


def test_one_frame_is_a_movie_of_one():
    frame = frames()[3]
    with open_movie(frame) as opened:
        assert opened.shape == (1, 5, 9)
        np.testing.assert_array_equal(opened.read(0, 1), frame[None])


def test_what_is_read_is_the_callers_own():
    movie = frames()
    for array in (movie, dask.array.from_array(movie, chunks=(3, 5, 9))):
        open_movie(array).read(0, 7)[...] = 0
    assert movie.any()


def test_a_dask_array_is_computed_block_by_block_on_the_thread_that_reads():
    computed = []

    def block(block_info=None):
        computed.append(block_info[None]["chunk-location"][0])
        return np.full((4, 5, 9), computed[-1], "uint16")

    movie = dask.array.map_blocks(block, chunks=((4,) * 6, (5,), (9,)), dtype="uint16")
    with open_movie(movie) as opened:
        assert opened.block_frames == 4
        read = opened.read(6, 17)
    assert computed == [1, 2, 3, 4]
    np.testing.assert_array_equal(read[:, 0, 0], np.arange(6, 17) // 4)


def test_datasets_that_are_open_are_movies(tmp_path):
    movie = frames()
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        assert_reads(file.create_dataset("movie", data=movie, chunks=(2, 5, 9)), movie)
        assert open_movie(file["movie"]).block_frames == 2
    array = zarr.open(str(tmp_path / "movie.zarr"), mode="w", shape=movie.shape, chunks=(3, 5, 9), dtype="uint16")
    array[...] = movie
    assert_reads(array, movie)
    assert open_movie(array).block_frames == 3


def test_an_array_has_no_file():
    movie = open_movie(frames())
    assert str(movie.path) == "<array>" and movie.inputs == [] and movie.details == "numpy ndarray"
    assert isinstance(movie, ArrayMovie) and open_movie(movie) is movie
    movie.close()
    movie.close()


@pytest.mark.parametrize(
    "array, expected",
    [
        (np.zeros((4, 3, 8, 9)), "4 x 3 x 8 x 9"),
        (np.zeros(5), "the images are 5"),
        (np.zeros((0, 4, 4)), "empty"),
        (np.zeros((2, 4, 4), "complex64"), "complex64"),
        (np.zeros((2, 4, 4), object), "object"),
        ([[1, 2]], "not list"),
        (None, "not NoneType"),
    ],
)
def test_what_is_no_movie_is_refused(array, expected):
    with pytest.raises(InputError, match=expected):
        open_movie(array)


def test_what_goes_wrong_in_a_block_is_told():
    def block(block_info=None):
        raise KeyError("the camera")

    movie = dask.array.map_blocks(
        block, chunks=((4, 4), (5,), (9,)), dtype="uint16", meta=np.empty((0, 0, 0), "uint16")
    )
    with pytest.raises(InputError, match="frames 0 to 1 cannot be read .*the camera"):
        open_movie(movie).read(0, 2)
