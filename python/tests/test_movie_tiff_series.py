"""Movies of many TIFF files: folders, patterns of names, and series that describe themselves."""

import json
import os
import struct

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from movie_files import UNHURRIED
from test_movie_tiff import write_pages
from test_movies import assert_reads, frames, refusal

from lumicrop.input_error import InputError
from lumicrop.movies import open_movie
from lumicrop.movies.tiff_series import natural_order


def write_series(folder, counts, name="img_{}.tif", **options):
    """Files of several frames each, and the movie that they are together."""
    movie = frames(shape=(sum(counts), 5, 9))
    begin = 0
    for index, count in enumerate(counts):
        part = movie[begin : begin + count]
        tifffile.imwrite(folder / name.format(index + 1), part, photometric="minisblack", **options)
        begin += count
    return movie


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"byteorder": ">"}, {"imagej": True}, {"metadata": None}]
)
@pytest.mark.parametrize("counts", [[1] * 12, [3, 1, 1, 5, 2, 1, 1, 1, 1, 1, 1, 4], [6]])
def test_a_folder_or_a_pattern_of_tiffs_is_one_movie(tmp_path, counts, options):
    movie = write_series(tmp_path, counts, **options)
    (tmp_path / "notes.txt").write_text("not of the movie")
    (tmp_path / "._img_1.tif").write_bytes(b"what another system leaves behind")
    for source in (tmp_path, tmp_path / "img_*.tif", f"{tmp_path}/img_[0-9]*.tif"):
        assert_reads(source, movie)
        with open_movie(source) as opened:
            assert opened.inputs == [tmp_path / f"img_{number + 1}.tif" for number in range(len(counts))]
    if len(counts) > 9:
        with open_movie(tmp_path / "img_1?.tif") as opened:
            np.testing.assert_array_equal(opened.read(0, counts[9]), movie[sum(counts[:9]) :][: counts[9]])


def test_files_of_different_byte_orders_are_one_movie(tmp_path):
    movie = frames()
    for index, frame in enumerate(movie):
        tifffile.imwrite(tmp_path / f"{index}.tif", frame, byteorder="<>"[index % 2])
    assert_reads(tmp_path, movie)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_only_one_file_of_a_series_is_open(tmp_path, compression):
    movie = write_series(tmp_path, [1] * 60, compression=compression)
    with open_movie(tmp_path) as opened:
        before = len(os.listdir("/proc/self/fd"))
        np.testing.assert_array_equal(opened.read(0, 60), movie)
        assert len(os.listdir("/proc/self/fd")) <= before + 1


@pytest.mark.parametrize("odd", [np.zeros((5, 8), "uint16"), np.zeros((5, 9), "uint8")])
def test_a_file_of_a_series_with_another_size_or_type_is_told(tmp_path, odd):
    write_series(tmp_path, [1] * 12)
    tifffile.imwrite(tmp_path / "img_7.tif", odd)
    with pytest.raises(InputError, match="img_7.tif: frames are 5 x [89] px of uint.*img_1.tif are 5 x 9 px of uint16"):
        open_movie(tmp_path)


def test_a_series_of_nothing_or_of_other_files_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no TIFF files"):
        open_movie(tmp_path)
    with pytest.raises(InputError, match="no file has such a name"):
        open_movie(tmp_path / "img_*.tif")
    write_series(tmp_path, [1, 1])
    (tmp_path / "img_3.txt").write_text("words")
    with pytest.raises(InputError, match="img_3.txt: a pattern stands for TIFF files"):
        open_movie(tmp_path / "img_*")
    (tmp_path / "img_2.tif").write_bytes(b"cut")
    with pytest.raises(InputError, match="img_2.tif: this is not a TIFF"):
        open_movie(tmp_path)


def test_a_series_that_changes_while_it_is_read_is_reported(tmp_path):
    write_series(tmp_path, [2, 2, 2], compression="zlib")
    with open_movie(tmp_path) as opened:
        tifffile.imwrite(tmp_path / "img_2.tif", frames()[:1])
        with pytest.raises(InputError, match="img_2.tif"):
            opened.read(0, 6)
        (tmp_path / "img_3.tif").unlink()
        with pytest.raises(FileNotFoundError, match="img_3.tif"):
            opened.read(4, 5)


def write_ome_series(folder, movie, per_file, compression=None):
    """An OME-TIFF of several files; every one of them tells where all frames are."""
    n_files = -(-len(movie) // per_file)
    names = [f"movie_{index}.ome.tif" if index else "movie.ome.tif" for index in range(n_files)]
    planes = "".join(
        f'<TiffData FirstT="{frame}" IFD="{frame % per_file}" PlaneCount="1">'
        f'<UUID FileName="{names[frame // per_file]}">urn:uuid:{frame // per_file:08}</UUID></TiffData>'
        for frame in range(len(movie))
    )
    for index, name in enumerate(names):
        description = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{index:08}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" PhysicalSizeX="0.1" '
            f'SizeX="{movie.shape[2]}" SizeY="{movie.shape[1]}" SizeC="1" SizeZ="1" SizeT="{len(movie)}">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        write_pages(
            folder / name, movie[index * per_file : (index + 1) * per_file],
            description=description, compression=compression,
        )  # fmt: skip
    return [folder / name for name in names]


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_the_first_file_of_an_ome_series_is_the_whole_movie(tmp_path, compression):
    movie = frames(shape=(11, 5, 9))
    paths = write_ome_series(tmp_path, movie, 3, compression)
    for source in (paths[0], tmp_path, tmp_path / "*.tif"):
        assert_reads(source, movie)
        with open_movie(source) as opened:
            assert set(opened.inputs) == set(paths) and opened.statements[0].value == pytest.approx(100)
    with open_movie(tmp_path / "movie_[12].ome.tif") as opened:
        np.testing.assert_array_equal(opened.read(0, 6), movie[3:9])


def test_an_ome_series_that_is_not_whole_is_refused(tmp_path):
    paths = write_ome_series(tmp_path, frames(shape=(11, 5, 9)), 3)
    write_pages(paths[2], np.zeros((3, 5, 8), "uint16"))
    assert "movie_2.ome.tif: frames are 5 x 8" in refusal(paths[0])
    content = paths[1].read_bytes()
    paths[1].write_bytes(content[: len(content) // 2])
    refusal(paths[0])
    paths[1].unlink()
    assert "goes on in movie_1.ome.tif, which is missing" in refusal(paths[0])


@UNHURRIED
@given(names=st.lists(st.text()))
def test_numbers_in_names_are_sorted_by_their_size(names):
    names += ["img_10.tif", "img_9.tif", "img_010.tif", "img.tif", "10", "9a"]
    ordered = sorted(names, key=natural_order)
    assert sorted(ordered) == sorted(names)
    places = [ordered.index(name) for name in ("img_9.tif", "img_10.tif")]
    assert places == sorted(places) and ordered.index("9a") < ordered.index("10")


def write_micromanager(folder, movie, per_file, planned=None):
    """A stack as Micro-Manager writes it, split into files, its index of frames in a head of its own."""
    paths = []
    for number, begin in enumerate(range(0, len(movie), per_file)):
        part = movie[begin : begin + per_file]
        summary = json.dumps({"MicroManagerVersion": "2.0", "Prefix": "any", "Frames": planned or len(movie),
                              "Channels": 1, "Slices": 1, "Positions": 1}).encode()  # fmt: skip
        summary += b" " * (len(summary) % 2)
        first = 40 + len(summary)
        step = 162 + part[0].nbytes  # a directory of 13 tags, and the pixels behind it
        height, width = part.shape[1:]
        pages, index = b"", b""
        for frame, pixels in enumerate(part):
            offset = first + frame * step
            tags = {256: width, 257: height, 258: 16, 259: 1, 262: 1, 273: offset + 162, 277: 1, 278: height,
                    279: pixels.nbytes, 282: 8, 283: 8, 296: 1, 51123: 40}  # fmt: skip
            kinds = {282: (5, 1), 283: (5, 1), 51123: (2, len(summary))}
            pages += struct.pack("<H", len(tags))
            pages += b"".join(struct.pack("<HHII", tag, *kinds.get(tag, (4, 1)), value) for tag, value in tags.items())
            pages += struct.pack("<I", offset + step if frame < len(part) - 1 else 0)
            pages += pixels.astype("<u2").tobytes()
            index += struct.pack("<5I", 0, 0, begin + frame, 0, offset)
        places = (54773648, first + len(pages), 483765892, 0, 99384722, 0, 2355492, len(summary))
        head = struct.pack("<2sHI8I", b"II", 42, first, *places)
        path = folder / f"any_MMStack{f'_{number}' if number else ''}.ome.tif"
        path.write_bytes(head + summary + pages + struct.pack("<II", 3453623, len(part)) + index)
        paths.append(path)
    return paths


def test_any_file_of_a_split_micromanager_stack_is_the_whole_movie(tmp_path):
    movie = frames(shape=(11, 5, 9))
    paths = write_micromanager(tmp_path, movie, 4)
    for source in (*paths, tmp_path):
        assert_reads(source, movie)
        with open_movie(source) as opened:
            assert set(opened.inputs) == set(paths) and opened.details.startswith("Micro-Manager stack")


def test_a_micromanager_stack_ends_where_its_recording_was_stopped(tmp_path):
    movie = frames(shape=(11, 5, 9))
    (path,) = write_micromanager(tmp_path, movie, 20, planned=100)
    assert_reads(path, movie)


def test_a_micromanager_stack_that_is_cut_is_refused(tmp_path):
    paths = write_micromanager(tmp_path, frames(shape=(11, 5, 9)), 4)
    content = paths[1].read_bytes()
    for length in (len(content) - 100, len(content) - 250, len(content) // 2):
        paths[1].write_bytes(content[:length])
        refusal(paths[0])
    paths[1].unlink()
    assert "cut short" in refusal(paths[0])
