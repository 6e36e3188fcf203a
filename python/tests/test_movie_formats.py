"""Movies of bare pixels, numpy's files and Nikon's; and what every format does with files that it cannot read."""

import io
import itertools
import os
import sys
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from movie_files import UNHURRIED
from nd2_file import write_nd2
from test_movie_stores import write_zarr
from test_movies import assert_reads, frames, refusal

from lumicrop.input_error import InputError
from lumicrop.movies import PIXEL_TYPES, open_movie, split_name
from lumicrop.movies.dax import parse_inf


def write_dax(path, movie, order=">", **change):
    movie.astype(f"{order}u2").tofile(path)
    lines = {
        "binning": "1 x 1",
        "data type": f"16 bit integers (binary, {'big' if order == '>' else 'little'} endian)",
        "frame dimensions": f"{movie.shape[2]} x {movie.shape[1]}",
        "number of frames": len(movie),
        "x_start": 1, "x_end": movie.shape[2], "y_start": 1, "y_end": movie.shape[1],
    } | {key.replace("__", " "): value for key, value in change.items()}  # fmt: skip
    text = "".join(f"{key} = {value}\n" for key, value in lines.items() if value is not None)
    path.with_suffix(".inf").write_text(text)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_dax_movie_reads_as_it_was_written(tmp_path, order):
    path = write_dax(tmp_path / "movie.dax", frames(), order)
    assert_reads(path, frames())
    with open_movie(path) as opened:
        assert opened.inputs == [path, path.with_suffix(".inf")]


@pytest.mark.parametrize(
    "change", [{"number__of__frames": 2}, {"frame__dimensions": None}, {"data__type": None}, {"hint": "a = b"}]
)
def test_a_dax_movie_needs_only_its_frames_size(tmp_path, change):
    assert_reads(write_dax(tmp_path / "movie.dax", frames(), **change), frames())


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"frame__dimensions": "9 x 4"}, "no whole number of frames of 4 x 9"),
        ({"frame__dimensions": "9 by 5"}, "9 by 5"),
        ({"frame__dimensions": "0 x 5"}, "0 x 5"),
        ({"frame__dimensions": None, "x_end": None}, "frame dimensions = WIDTH x HEIGHT' is missing"),
        ({"frame__dimensions": None, "x_end": -5}, "impossible"),
        ({"frame__dimensions": None, "x_end": "wide"}, "'x_end = wide'"),
        ({"frame__dimensions": "999999999 x 999999999"}, "impossible"),
        ({"data__type": "32 bit integers"}, "32 bit integers"),
    ],
)
def test_an_inf_that_does_not_fit_is_refused(tmp_path, change, expected):
    assert expected in refusal(write_dax(tmp_path / "movie.dax", frames(), **change))


def test_a_dax_movie_without_inf_or_frames_is_refused(tmp_path):
    path = write_dax(tmp_path / "movie.dax", frames())
    path.write_bytes(b"")
    assert "empty" in refusal(path)
    path.with_suffix(".inf").unlink()
    assert "movie.inf is missing" in refusal(path)
    with pytest.raises(FileNotFoundError):
        open_movie(tmp_path / "absent.dax")


def test_the_sample_of_storm_analysis_opens(data_folder):
    with open_movie(data_folder / "storm-analysis" / "test.dax") as movie:
        assert movie.shape == (10, 256, 256)
        assert 100 < np.median(movie.read(3, 4)) < 200  # its offset is 100, its background 50 photons


@UNHURRIED
@given(text=st.text() | st.lists(st.tuples(
    st.sampled_from(["frame dimensions", "x_start", "x_end", "y_start", "y_end", "binning", "data type", "other"]),
    st.text(alphabet="0123456789 x-.=", max_size=12) | st.integers().map(str),
)).map(lambda lines: "\n".join(f"{key} = {value}" for key, value in lines)))  # fmt: skip
def test_any_text_is_an_inf_or_an_input_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.inf"
    try:
        height, width, dtype = parse_inf(text, path)
    except InputError as error:
        assert "any.inf" in str(error) and "\n" not in str(error)
    else:
        assert height >= 1 and width >= 1 and dtype.itemsize == 2


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", PIXEL_TYPES)
@pytest.mark.parametrize("how", ["npy", "npz", "compressed"])
def test_numpys_files_read_as_they_were_written(tmp_path, dtype, order, how):
    movie = frames(dtype)
    stored = movie.astype(movie.dtype.newbyteorder(order))
    path = tmp_path / f"movie.{how[:3].replace('com', 'npz')}"
    if how == "npy":
        np.save(path, stored)
    else:
        (np.savez if how == "npz" else np.savez_compressed)(path, frames=stored, times=np.arange(7))
    assert_reads(path, movie)


@pytest.mark.parametrize("shape", [(5, 9), (1, 5, 9), (7, 1, 5, 9)])
def test_axes_of_one_do_not_matter(tmp_path, shape):
    movie = frames("uint16", shape)
    np.save(tmp_path / "movie.npy", movie)
    with open_movie(tmp_path / "movie.npy") as opened:
        assert opened.shape == (movie.size // 45, 5, 9)
        np.testing.assert_array_equal(opened.read(0, opened.shape[0]).ravel(), movie.ravel())


def test_an_archive_of_several_movies_asks_which(tmp_path):
    path = tmp_path / "movie.npz"
    np.savez(path, red=frames(), green=frames() + 1, note=np.array("hello"), drift=np.zeros((3, 4), complex))
    assert "red, green: say which by movie.npz::red" in refusal(path)
    assert_reads(f"{path}::green", frames() + 1)
    assert "there is no array blue; there are red, green" in refusal(path, "::blue")


def saved(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"", "not an .npy file"),
        (b"\x93NUMPY\x01\x00", "not an .npy file"),
        (b"\x93NUMPY\x03\x00" + saved(frames())[8:], "version 3.0"),
        (saved(frames())[:-3], "cut short"),
        (saved(np.asfortranarray(frames())), "Fortran order"),
        (saved(np.array([[{}, 1]], object), allow_pickle=True), "Python objects"),
        (saved(np.zeros((3, 3), [("x", "f4")])), "pixels are"),
        (saved(np.zeros((2, 3, 4, 5))), "2 x 3 x 4 x 5"),
        (saved(np.zeros((0, 4, 5))), "empty"),
        (saved(np.zeros((3, 4), "f2")), "float16"),
        (saved(frames()).replace(b"(7, 5, 9)", b"(7, 5, -9"), "not an .npy file"),
        (saved(frames()).replace(b"(7, 5, 9)", b"(((((((((("), "not an .npy file"),
    ],
)
def test_an_npy_that_is_no_movie_is_refused(tmp_path, content, expected):
    (tmp_path / "movie.npy").write_bytes(content)
    assert expected in refusal(tmp_path / "movie.npy")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_archive_is_refused(tmp_path, save):
    path = tmp_path / "movie.npz"
    movie = np.random.default_rng(1).integers(0, 60000, (20, 50, 50)).astype("uint16")
    save(path, movie=movie)
    whole = bytearray(path.read_bytes())
    path.write_bytes(whole[: len(whole) // 2])
    assert "not an .npz archive" in refusal(path)
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(whole)
    with open_movie(path) as opened, pytest.raises(InputError, match="cannot be read"):
        for frame in range(20):
            opened.read(frame, frame + 1)


@pytest.mark.parametrize("how", ["npy", "npz", "dax"])
def test_a_movie_of_gigabytes_takes_little_memory(tmp_path, how):
    shape = (16_000, 256, 256)  # 2 GB, all of it a hole in the file
    path = tmp_path / f"movie.{how}"
    if how == "npz":
        shape = (1_000, 256, 256)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("movie.npy", "w") as member:
            np.lib.format.write_array_header_1_0(member, {"descr": "<u2", "fortran_order": False, "shape": shape})
            for _ in range(shape[0]):
                member.write(bytes(2 * 256 * 256))
    else:
        with open(path, "wb") as file:
            if how == "npy":
                np.lib.format.write_array_header_1_0(file, {"descr": ">u2", "fortran_order": False, "shape": shape})
            file.truncate(file.tell() + 2 * shape[0] * 256 * 256)
        path.with_suffix(".inf").write_text("frame dimensions = 256 x 256")
    tracemalloc.start()
    with open_movie(path) as movie:
        assert movie.shape == shape
        for first in range(0, shape[0], shape[0] // 20):
            assert not movie.read(first, first + 50).any()
        assert not movie.read(0, 50).any()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6  # 50 frames are 6.5 MB; going forward in a zip file takes 16 MiB at a time


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("more", [{}, {"compressed": True}, {"loop": 4}])
def test_an_nd2_movie_reads_as_it_was_written(tmp_path, dtype, more):
    path = write_nd2(tmp_path / "movie.nd2", frames(dtype), **more)
    assert_reads(path, frames(dtype))
    with open_movie(path) as opened:
        assert [(said.quantity, said.value) for said in opened.statements] == [("pixel_nm", pytest.approx(160))]


def test_an_nd2_movie_ends_where_its_recording_was_stopped(tmp_path):
    assert_reads(write_nd2(tmp_path / "movie.nd2", frames(), recorded=5), frames()[:5])


def test_an_nd2_file_without_calibration_says_nothing_of_pixels(tmp_path):
    with open_movie(write_nd2(tmp_path / "movie.nd2", frames(), pixel_um=None)) as opened:
        assert opened.statements == []


def test_an_nd2_file_that_is_no_movie_or_not_whole_is_refused(tmp_path):
    path = write_nd2(tmp_path / "movie.nd2", frames(), colours=3)
    assert "3 colours" in refusal(path)
    whole = write_nd2(path, frames()).read_bytes()
    for content in (
        b"",
        b"no such file",
        whole[:-200],
        whole[:5000],
        whole[:300] + bytes(len(whole) - 600) + whole[-300:],
    ):
        path.write_bytes(content)
        refusal(path)
    with pytest.raises(FileNotFoundError):
        open_movie(tmp_path / "absent.nd2")


def test_without_the_package_nd2_its_files_are_refused_with_advice(tmp_path, monkeypatch):
    path = write_nd2(tmp_path / "movie.nd2", frames())
    monkeypatch.setitem(sys.modules, "nd2", None)
    assert "pip install lumicrop[nd2]" in refusal(path)


ENDINGS = (".raw", ".tif", ".dax", ".npy", ".npz", ".h5", ".zarr", ".zip", ".nd2")


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_cannot_be_opened_is_told_by_the_system_with_the_files_name(tmp_path, ending):
    path = tmp_path / f"movie{ending}"
    with pytest.raises(FileNotFoundError) as caught:
        open_movie(path)
    assert str(caught.value.filename) == str(path)
    os.symlink(path, path)
    with pytest.raises(OSError, match="symbolic links") as caught:
        open_movie(path)
    assert str(caught.value.filename) == str(path)
    path.unlink()
    path.mkdir()
    refusal(path)


@pytest.mark.parametrize("source", ["movie.tif::name", "movie.avi::name", "movie.raw::/a", "a\0b.tif"])
def test_a_name_that_cannot_be_is_refused(tmp_path, source):
    with pytest.raises(InputError):
        open_movie(f"{tmp_path}/{source}")


def test_a_file_that_is_called_so_is_no_name_of_an_array(tmp_path):
    path = tmp_path / "a::b.npy"
    np.save(path, frames())
    assert split_name(path) == (path, None)
    assert_reads(path, frames())


@pytest.mark.parametrize("ending", [".tif", ".npy", ".npz", ".h5", ".zarr.zip", ".nd2"])
@UNHURRIED
@given(cuts=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4))
@pytest.mark.filterwarnings("ignore")
def test_a_file_with_any_bytes_changed_is_read_or_refused(tmp_path_factory, ending, cuts):
    whole = bytearray(_whole(tmp_path_factory, ending))
    path = tmp_path_factory.getbasetemp() / f"changed{ending}"
    for place, content in cuts:
        start = int(place * len(whole))
        whole[start : start + len(content)] = content
    path.write_bytes(whole)
    try:
        with open_movie(path) as movie:
            for first in itertools.islice(range(movie.shape[0]), 10):
                movie.read(first, first + 1)
    except InputError as error:
        assert "changed" in str(error) and "\n" not in str(error)
    except OSError as error:
        assert "changed" in str(error.filename)


_WHOLE = {}


def _whole(tmp_path_factory, ending):
    """Bytes of a small file of a format, made once."""
    if ending not in _WHOLE:
        path = tmp_path_factory.mktemp("whole") / f"movie{ending}"
        movie = frames("uint16", (4, 5, 9))
        if ending == ".tif":
            tifffile.imwrite(path, movie, compression="zlib", photometric="minisblack", metadata=None)
        elif ending == ".h5":
            with h5py.File(path, "w") as file:
                file.create_dataset("movie", data=movie, chunks=(2, 5, 9), compression="gzip")
        elif ending == ".zarr.zip":
            write_zarr(path, "movie", movie, (2, 5, 9))
        elif ending == ".nd2":
            write_nd2(path, movie)
        else:
            np.save(path, movie) if ending == ".npy" else np.savez_compressed(path, movie=movie)
        _WHOLE[ending] = path.read_bytes()
    return _WHOLE[ending]
