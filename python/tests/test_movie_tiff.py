"""TIFF movies of one file, however they are stored and whoever described them."""

import numpy as np
import pytest
import tifffile
from test_movies import assert_reads, frames, refusal

from lumicrop.input_error import InputError
from lumicrop.movies import open_movie


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_movie_reads_as_it_was_written(tmp_path, dtype, order, compression):
    movie = frames(dtype)
    tifffile.imwrite(tmp_path / "movie.tif", movie, byteorder=order, compression=compression, photometric="minisblack")
    assert_reads(tmp_path / "movie.tif", movie)


def test_pages_written_one_by_one_are_one_movie(tmp_path):
    movie = frames()
    with tifffile.TiffWriter(tmp_path / "movie.tiff") as tiff:
        for frame in movie:
            tiff.write(frame, contiguous=False, metadata=None)
    assert_reads(tmp_path / "movie.tiff", movie)


@pytest.mark.parametrize("dialect", ["imagej", "ome"])
def test_a_tiff_that_states_its_pixel_size_is_believed(tmp_path, dialect):
    movie = frames()
    path = tmp_path / ("movie.ome.tif" if dialect == "ome" else "movie.tif")
    if dialect == "imagej":
        tifffile.imwrite(
            path, movie, imagej=True, resolution=(1e3 / 130, 1e3 / 130), metadata={"axes": "TYX", "unit": "um"}
        )
    else:
        tifffile.imwrite(
            path, movie, ome=True, metadata={"axes": "TYX", "PhysicalSizeX": 130, "PhysicalSizeXUnit": "nm"}
        )
    assert_reads(path, movie)
    with open_movie(path) as opened:
        (statement,) = opened.statements
        assert (statement.quantity, statement.value) == ("pixel_nm", pytest.approx(130, abs=1e-4))
        assert path.name in statement.source


@pytest.mark.parametrize("dialect", ["imagej", "ome"])
def test_pixels_of_a_tiff_that_are_not_square_have_two_sizes(tmp_path, dialect):
    path = tmp_path / "movie.tif"
    if dialect == "imagej":
        scale = {"resolution": (1e3 / 120, 1e3 / 100), "imagej": True}
        tifffile.imwrite(path, frames(), metadata={"axes": "TYX", "unit": "um"}, **scale)
    else:
        scale = {"PhysicalSizeX": 0.12, "PhysicalSizeY": 0.1}
        tifffile.imwrite(path, frames(), ome=True, metadata={"axes": "TYX", **scale})
    with open_movie(path) as opened:
        assert opened.statements[0].value == (pytest.approx(100, abs=1e-4), pytest.approx(120, abs=1e-4))


def test_a_resolution_for_printers_says_nothing_about_pixels(tmp_path):
    tifffile.imwrite(
        tmp_path / "movie.tif", frames(), resolution=(300, 300), resolutionunit="inch", photometric="minisblack"
    )
    with open_movie(tmp_path / "movie.tif") as opened:
        assert opened.statements == []


def test_a_cut_tiff_is_refused(tmp_path):
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, frames("uint16", (7, 50, 90)), imagej=True)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 3 * 2 * 50 * 90 - 10])
    assert "cut short" in refusal(path)


def write_pages(path, pages, **options):
    """A file whose pages are written one after the other, without a description of the whole."""
    with tifffile.TiffWriter(
        path, **{key: options.pop(key) for key in ("bigtiff", "byteorder") if key in options}
    ) as tiff:
        for page in pages:
            tiff.write(page, contiguous=False, photometric="minisblack", **({"metadata": None} | options))
    return path


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"compression": "lzw", "predictor": True}, {"rowsperstrip": 2}, {"metadata": {}},
     {"compression": "zstd", "rowsperstrip": 3}, {"tile": (16, 16)}, {"software": "any"}],
)  # fmt: skip
def test_pages_read_as_they_were_written_however_they_are_stored(tmp_path, big, order, options):
    path = write_pages(tmp_path / "movie.tif", frames(shape=(12, 5, 9)), bigtiff=big, byteorder=order, **options)
    assert_reads(path, frames(shape=(12, 5, 9)))


def test_pages_that_are_stored_differently_are_one_movie(tmp_path):
    movie = frames(shape=(12, 5, 9))
    with tifffile.TiffWriter(tmp_path / "movie.tif") as tiff:
        for index, frame in enumerate(movie):
            compression = "zlib" if 3 <= index < 6 else None
            tiff.write(frame, compression=compression, contiguous=False, metadata=None, photometric="minisblack")
    assert_reads(tmp_path / "movie.tif", movie)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"metadata": {}}])
@pytest.mark.parametrize("place", [1, 5, 9])
@pytest.mark.parametrize(
    "odd, words",
    [(np.zeros((5, 8), "uint16"), "5 x 8 px of uint16"), (np.zeros((6, 9), "uint16"), "6 x 9 px"),
     (np.zeros((5, 9), "int16"), "px of int16"), (np.zeros((5, 9), "uint8"), "px of uint8")],
)  # fmt: skip
def test_a_page_of_another_size_or_type_is_told(tmp_path, odd, words, place, options):
    pages = list(frames(shape=(12, 5, 9)))
    pages[place] = odd
    told = refusal(write_pages(tmp_path / "movie.tif", pages, **options))
    assert f"page {place} has" in told and words in told and "page 0 has 5 x 9 px of uint16" in told


def test_smaller_copies_are_no_frames(tmp_path):
    movie = frames()
    with tifffile.TiffWriter(tmp_path / "movie.tif") as tiff:
        for frame in movie:
            tiff.write(frame, contiguous=False, metadata=None, photometric="minisblack")
            tiff.write(frame[::2, ::2], subfiletype=1, contiguous=False, metadata=None, photometric="minisblack")
    assert_reads(tmp_path / "movie.tif", movie)


def test_images_of_several_positions_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "movie.ome.tif") as tiff:
        for _ in range(2):
            tiff.write(frames(), metadata={"axes": "TYX"}, photometric="minisblack")
    assert "2 images, such as positions" in refusal(tmp_path / "movie.ome.tif")


@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"rowsperstrip": 2}, {"imagej": True}, {"ome": True}, {"metadata": {}},
     {"ome": True, "compression": "zlib"}, {"imagej": True, "compression": "zlib"}, {"bigtiff": True}],
)  # fmt: skip
def test_a_tiff_that_is_cut_anywhere_is_refused(tmp_path, options):
    path = tmp_path / "movie.tif"
    dialect = {key: options[key] for key in ("imagej", "ome", "bigtiff") if key in options}
    movie = np.random.default_rng(1).integers(0, 60000, (12, 20, 30)).astype("uint16")
    if dialect.keys() & {"imagej", "ome"}:
        tifffile.imwrite(path, movie, metadata={"axes": "TYX"}, photometric="minisblack", **options)
    else:
        write_pages(path, movie, **options)
    whole = path.read_bytes()
    assert_reads(path, movie)
    for length in [*range(0, 40, 3), *range(40, len(whole), len(whole) // 40), len(whole) - 1]:
        path.write_bytes(whole[:length])
        try:
            with open_movie(path) as opened:
                np.testing.assert_array_equal(opened.read(0, 12), movie)  # what was cut off were words
        except InputError as error:
            assert "movie.tif: " in str(error)


def test_pages_in_a_circle_are_refused(tmp_path):
    path = write_pages(tmp_path / "movie.tif", frames())
    with tifffile.TiffFile(path) as tiff:
        offsets = [page.offset for page in tiff.pages]
    content = bytearray(path.read_bytes())
    for offset in offsets:
        place = content.find(offsets[5].to_bytes(4, "little"), offset)
        if place >= 0:
            content[place : place + 4] = offsets[2].to_bytes(4, "little")
            break
    path.write_bytes(content)
    assert "circle" in refusal(path)


def test_imagejs_stack_beyond_4_gb_is_read_where_it_lies(tmp_path):
    path = tmp_path / "movie.tif"
    n_frames, height, width = 1100, 1024, 2048  # 4.6 GB, nearly all of it a hole in the file
    description = f"ImageJ=1.53t\nimages={n_frames}\nframes={n_frames}\nloop=false\n"
    page = np.zeros((height, width), "uint16")
    tifffile.imwrite(path, page, byteorder=">", description=description, metadata=None, photometric="minisblack")
    with tifffile.TiffFile(path) as tiff:
        start = tiff.pages.first.dataoffsets[0]
    with open(path, "r+b") as file:
        file.truncate(start + n_frames * height * width * 2)
        file.seek(start + (n_frames - 1) * height * width * 2)
        np.full(width, 7, ">u2").tofile(file)
    with open_movie(path) as opened:
        assert opened.shape == (n_frames, height, width) and opened.details.startswith("ImageJ")
        last = opened.read(n_frames - 2, n_frames)
    assert not last[0].any() and (last[1, 0] == 7).all() and not last[1, 1:].any()


def test_a_colour_image_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "movie.tif", np.zeros((4, 8, 9, 3), "uint8"), photometric="rgb")
    assert "frames of rows (Y) and columns (X)" in refusal(tmp_path / "movie.tif")


def test_a_type_that_photons_are_not_counted_from_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "movie.tif", np.zeros((4, 8, 9), "complex64"), photometric="minisblack")
    assert "complex64" in refusal(tmp_path / "movie.tif")


@pytest.mark.parametrize("options", [{"rowsperstrip": 2}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_a_page_that_lacks_a_part_of_its_pixels_is_refused(tmp_path, options):
    path = write_pages(tmp_path / "movie.tif", frames(), **options)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for page in tiff.pages:
            page.tags["ImageLength"].overwrite(50_000)
    assert "page 0 is damaged: it lacks a part" in refusal(path)


@pytest.mark.parametrize("compression, name", [(None, "not compressed"), ("zlib", "adobe deflate")])
def test_how_pages_are_compressed_is_told(tmp_path, compression, name):
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, np.ones((2, 20, 20), "u2"), compression=compression)
    with open_movie(path) as movie:
        assert movie.details.endswith(f", {name}")
