"""Movies in files and folders that hold several arrays: HDF5 and zarr."""

import json

import h5py
import numpy as np
import pytest
import zarr
from test_movies import assert_reads, frames, refusal

from lumicrop.input_error import InputError
from lumicrop.movies import open_movie

ZARR_3 = int(zarr.__version__.split(".")[0]) >= 3


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
@pytest.mark.parametrize("chunks", [None, (3, 5, 9), (1, 2, 4)])
def test_an_hdf5_dataset_reads_as_it_was_written(tmp_path, dtype, order, chunks):
    movie = frames(dtype)
    path = tmp_path / "movie.h5"
    with h5py.File(path, "w") as file:
        stored = movie.astype(movie.dtype.newbyteorder(order))
        file.create_dataset("entry/data", data=stored, chunks=chunks, compression="gzip" if chunks else None)
        file["entry/times"] = np.arange(7.0)
        file["entry/locs"] = np.zeros(4, [("x", "f4")])
        file["entry/title"] = "a movie"
        file["entry/empty"] = h5py.Empty("f4")
    for source in (path, f"{path}::/entry/data", f"{path}::entry/data"):
        assert_reads(source, movie)
    with open_movie(path) as opened:
        assert opened.block_frames == (chunks[0] if chunks else 1) and opened.inputs == [path]


def test_an_hdf5_file_of_several_movies_asks_which(tmp_path):
    path = tmp_path / "movie.hdf5"
    with h5py.File(path, "w") as file:
        file["a/red"], file["b"], file["frame"] = frames(), frames() + 1, frames()[0]
        file["colours"] = np.zeros((4, 3, 8, 9))
        file["link"] = h5py.SoftLink("/b")
    assert "/a/red, /b, /frame: say which by movie.hdf5::/a/red" in refusal(path)
    assert "there is no array /c; there are /a/red" in refusal(path, "::c")
    assert "there is no array /a;" in refusal(path, "::/a")
    assert "4 x 3 x 8 x 9" in refusal(path, "::/colours")
    assert_reads(f"{path}::/link", frames() + 1)
    with open_movie(f"{path}::frame") as opened:
        np.testing.assert_array_equal(opened.read(0, 1), frames()[:1])


def test_an_hdf5_file_that_is_no_movie_or_not_whole_is_refused(tmp_path):
    path = tmp_path / "movie.h5"
    with h5py.File(path, "w") as file:
        file["times"] = np.arange(9)
    assert "holds no movie" in refusal(path)
    with h5py.File(path, "w") as file:
        file["movie"] = frames("uint16", (7, 50, 90))
    whole = path.read_bytes()
    for content in (b"", b"no such file", whole[: len(whole) // 2], whole[:100]):
        path.write_bytes(content)
        assert "not an HDF5 file that can be read" in refusal(path)
    with pytest.raises(FileNotFoundError):
        open_movie(tmp_path / "absent.h5")


def test_a_damaged_chunk_of_hdf5_is_told_with_its_frames(tmp_path):
    path = tmp_path / "movie.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(
            "movie", data=frames("uint16", (6, 50, 90)), chunks=(2, 50, 90), compression="gzip"
        )
        place = dataset.id.get_chunk_info(1)
    with open(path, "r+b") as file:
        file.seek(place.byte_offset + 10)
        file.write(bytes(100))
    with open_movie(path) as movie:
        movie.read(0, 2)
        with pytest.raises(InputError, match="frames 2 to 3 cannot be read"):
            movie.read(2, 4)


def write_zarr(path, name, movie, chunks, version=2):
    """An array of a new or an old store; path ends in .zip for a zip file."""
    store = zarr.storage.ZipStore(str(path), mode="w") if path.suffix == ".zip" else str(path)
    options = {"zarr_format": version} if ZARR_3 else {}
    group = zarr.open_group(store, mode="w" if path.suffix == ".zip" else "a", **options)
    create = group.create_array if ZARR_3 else group.create_dataset
    array = create(name, shape=movie.shape, chunks=chunks, dtype=movie.dtype)
    array[...] = movie
    if path.suffix == ".zip":
        store.close()
    return path


versions = pytest.mark.parametrize("version", [2, 3] if ZARR_3 else [2])


@versions
@pytest.mark.parametrize("ending", [".zarr", ".zip", ".zarr.zip"])
@pytest.mark.parametrize("dtype", ["uint16", ">u2", "float32"])
@pytest.mark.parametrize("chunks", [(3, 5, 9), (1, 2, 4), (7, 5, 9)])
@pytest.mark.filterwarnings("ignore")  # zarr's about names in zip files
def test_a_zarr_array_reads_as_it_was_written(tmp_path, version, ending, dtype, chunks):
    movie = frames(dtype)
    path = write_zarr(tmp_path / ("movie" + ending), "group/movie", movie, chunks, version)
    for source in (path, f"{path}::group/movie", f"{path}::/group/movie", f"{path}::group"):
        assert_reads(source, movie)
    with open_movie(path) as opened:
        assert opened.block_frames == chunks[0] and opened.inputs == [path]


def test_a_zarr_store_may_be_one_array_with_any_name(tmp_path):
    path = tmp_path / "movie"
    array = zarr.open(str(path), mode="w", shape=(7, 5, 9), chunks=(2, 5, 9), dtype="uint16")
    array[...] = frames()
    assert_reads(path, frames())
    for name in path.rglob("*"):
        if name.is_file() and name.name.endswith(("1.0.0", "0.0")) or name.match("c/1/0/0"):
            name.unlink()
    with open_movie(path) as opened:  # chunks that nobody wrote are zeros
        assert not opened.read(2, 4).any()
    assert "movie::red: the store is one array" not in refusal(path, "::red")


def test_a_zarr_store_of_several_movies_asks_which(tmp_path):
    path = write_zarr(tmp_path / "movie.zarr", "red", frames(), (3, 5, 9))
    write_zarr(path, "green", frames() + 1, (3, 5, 9))
    write_zarr(path, "times", np.arange(7.0), (7,))
    assert "green, red: say which by movie.zarr::green" in refusal(path)
    assert_reads(f"{path}::green", frames() + 1)
    assert "there is no array blue; there are green, red" in refusal(path, "::blue")


def describe(path, axes, scale, unit="micrometer", more=(), version=2, group=""):
    image = {
        "version": "0.4",
        "axes": [{"name": axis} | ({"type": "space", "unit": unit} if axis in "zyx" else {}) for axis in axes],
        "datasets": [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}, *more]},
            {"path": "1", "coordinateTransformations": [{"type": "scale", "scale": [2 * step for step in scale]}]},
        ],
    }
    options = {"zarr_format": version} if ZARR_3 else {}
    attributes = zarr.open_group(str(path), path=group or None, mode="a", **options).attrs
    if version == 2:
        attributes["multiscales"] = [image]
    else:
        attributes["ome"] = {"version": "0.5", "multiscales": [image]}


@versions
@pytest.mark.parametrize("group", ["", "0"])
def test_an_ome_zarr_image_is_its_full_resolution_with_its_pixel_size(tmp_path, version, group):
    path = tmp_path / "movie.ome.zarr"
    movie = frames()
    inside = f"{group}/" if group else ""
    write_zarr(path, f"{inside}0", movie[:, None, None], (3, 1, 1, 5, 9), version)
    write_zarr(path, f"{inside}1", movie[:, None, None, ::2, ::2], (3, 1, 1, 3, 5), version)
    translation = {"type": "translation", "translation": [0, 0, 0, 5, 5]}
    describe(path, "tczyx", [1.0, 1.0, 0.5, 0.13, 0.13], more=[translation], version=version, group=group)
    for source in (path, f"{path}::{inside}0"):
        assert_reads(source, movie)
        with open_movie(source) as opened:
            (statement,) = opened.statements
            assert (statement.quantity, statement.value) == ("pixel_nm", pytest.approx(130))
            assert opened.block_frames == 3 and opened.details.startswith("OME-Zarr")
    with open_movie(f"{path}::{inside}1") as opened:
        assert opened.shape == (7, 3, 5) and opened.statements[0].value == pytest.approx(260)


def test_pixels_that_are_not_square_have_two_sizes(tmp_path):
    path = write_zarr(tmp_path / "movie.zarr", "0", frames(), (3, 5, 9))
    describe(path, "tyx", [1, 100, 120], "nanometer")
    assert open_movie(path).statements[0].value == (100.0, 120.0)
    describe(path, "tyx", [1, 100, 120], "furlong")
    assert open_movie(path).statements == []
    describe(path, "tyx", [1, 0, float("nan")], "nanometer")
    assert open_movie(path).statements == []


def test_an_ome_zarr_image_of_several_colours_is_refused(tmp_path):
    path = write_zarr(tmp_path / "movie.zarr", "0", np.zeros((2, 3, 1, 5, 9), "u2"), (1, 1, 1, 5, 9))
    describe(path, "tczyx", [1] * 5)
    assert "2 T x 3 C x 1 Z x 5 Y x 9 X" in refusal(path)


@versions
def test_damaged_zarr_stores_are_refused(tmp_path, version):
    path = write_zarr(tmp_path / "movie.zarr", "movie", frames(), (3, 5, 9), version)
    descriptions = [name for name in path.rglob("*") if name.name in (".zarray", "zarr.json") and name.parent != path]
    (description,) = descriptions
    whole = json.loads(description.read_text())
    for text in (
        "",
        "{",
        "[]",
        "{}",
        json.dumps(whole | {"shape": [7, "five", 9]}),
        json.dumps(whole | {"shape": None}),
    ):
        description.write_text(text)
        refusal(path)
        refusal(path, "::movie")
    description.write_text(json.dumps(whole))
    others = (".zarray", ".zgroup", ".zattrs", "zarr.json")
    chunk = next(name for name in path.rglob("*") if name.is_file() and name.name not in others)
    chunk.write_bytes(b"not a chunk")
    with open_movie(path) as opened, pytest.raises(InputError, match="cannot be read"):
        opened.read(0, 7)
    (tmp_path / "other.zarr").mkdir()
    assert "no zarr store" in refusal(tmp_path / "other.zarr")
    (tmp_path / "other.zip").write_bytes(b"PK")
    assert "neither a folder nor a zip file" in refusal(tmp_path / "other.zip")
    with pytest.raises(FileNotFoundError):
        open_movie(tmp_path / "absent.zarr")
