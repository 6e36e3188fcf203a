"""Movies: what is read is what was written, whatever the type, the order of bytes and the layout in the file."""

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from movie_files import UNHURRIED, write_raw

from lumicrop.input_error import InputError
from lumicrop.movies import PIXEL_TYPES, open_movie
from lumicrop.movies.picasso_raw import _layout
from lumicrop.yaml_documents import camera_statements, read_documents


def frames(dtype="uint16", shape=(7, 5, 9)):
    values = np.random.default_rng(1).integers(0, 250, shape)
    return (values - 100 if np.dtype(dtype).kind in "if" else values).astype(dtype)


def assert_reads(path, movie):
    with open_movie(path) as opened:
        assert opened.shape == movie.shape and opened.dtype == movie.dtype.newbyteorder("=")
        for first, last in ((0, len(movie)), (2, 3), (len(movie) - 1, len(movie)), (1, 4)):
            read = opened.read(first, last)
            assert read.dtype.isnative
            np.testing.assert_array_equal(read, movie[first:last])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", PIXEL_TYPES)
def test_a_raw_movie_reads_as_it_was_written(tmp_path, dtype, order):
    movie = frames(dtype)
    movie.astype(movie.dtype.newbyteorder(order)).tofile(tmp_path / "movie.raw")
    description = {"Byte Order": order, "Data Type": dtype, "Frames": 7, "Height": 5, "Width": 9}
    (tmp_path / "movie.yaml").write_text(yaml.safe_dump(description))
    assert_reads(tmp_path / "movie.raw", movie)


def test_the_samples_open(data_folder):
    with open_movie(data_folder / "deep-storm" / "ArtificialDataset_demo1.tif") as movie:
        assert movie.shape == (20, 64, 64)
        assert [(said.quantity, said.value) for said in movie.statements] == [("pixel_nm", 100.0)]
    with open_movie(data_folder / "epfl-beads" / "Beads-AS-Exp.tif") as movie:
        assert movie.shape == (151, 150, 150) and movie.statements == []
    with open_movie(data_folder / "picasso" / "testdata.raw") as movie:
        assert movie.shape == (1000, 32, 32)
        assert [(said.quantity, said.value) for said in movie.statements] == [("pixel_nm", 160.0)]


def refusal(path, name=""):
    """What is said about a file, or about an array in it, that is no movie."""
    with pytest.raises(InputError) as caught:
        open_movie(f"{path}{name}")
    text = str(caught.value)
    assert path.stem in text and "\n" not in text
    return text


def test_what_is_no_movie_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "movie.avi"
    path.write_bytes(b"RIFF")
    assert ".raw, .tif, .tiff" in refusal(path)
    path = tmp_path / "movie.tif"
    path.write_bytes(b"no image at all")
    assert "not a TIFF" in refusal(path)
    path = tmp_path / "movie.raw"
    path.write_bytes(bytes(10))
    assert "movie.yaml is missing" in refusal(path)
    with pytest.raises(FileNotFoundError):
        open_movie(tmp_path / "absent.raw")


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"Frames": 8}, "holds 630 bytes, but 8 frames"),
        ({"Frames": 6}, "holds 630 bytes, but 6 frames"),
        ({"Width": None}, "Width is missing"),
        ({"Height": -5}, "Height is -5"),
        ({"Height": True}, "Height is True"),
        ({"Height": "five"}, "Height is 'five'"),
        ({"Data Type": "complex64"}, "Data Type is 'complex64'"),
        ({"Byte Order": "="}, "Byte Order is '='"),
        ({"Sensitivity": "high"}, "Sensitivity is 'high'"),
        ({"Sensitivity": 1, "Gain": 0}, "Gain is 0"),
    ],
)
def test_a_yaml_that_does_not_fit_the_raw_file_is_refused(tmp_path, change, expected):
    path = write_raw(tmp_path / "movie.raw", frames(), **change)
    assert expected in refusal(path)


@pytest.mark.parametrize("text", ["", "[1, 2]", "key: [1", "just words", "\x00", "date: 2020-99-99"])
def test_a_description_that_is_none_is_refused(tmp_path, text):
    path = write_raw(tmp_path / "movie.raw", frames())
    path.with_suffix(".yaml").write_text(text)
    refusal(path)


def test_a_movie_that_shrinks_while_it_is_read_is_reported(tmp_path):
    path = write_raw(tmp_path / "movie.raw", frames())
    with open_movie(path) as opened:
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(InputError, match="cut short"):
            opened.read(0, 7)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
documents = st.dictionaries(
    st.sampled_from(["Frames", "Height", "Width", "Data Type", "Byte Order", "Pixelsize", "Camera.Pixelsize", "Baseline",
                     "Sensitivity", "Gain", "Box Size", "Qe", "other"]),
    scalars | st.sampled_from(["uint16", "<", ">"]) | st.lists(scalars, max_size=3),
)  # fmt: skip


@UNHURRIED
@given(document=documents)
def test_any_mapping_is_a_layout_or_an_input_error(tmp_path_factory, document):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    try:
        shape, dtype = _layout(document, path)
    except InputError as error:
        assert "any.yaml" in str(error)
    else:
        assert all(type(length) is int and length > 0 for length in shape) and dtype.name in PIXEL_TYPES


@UNHURRIED
@given(document=documents)
def test_any_mapping_states_finite_numbers_or_is_an_input_error(tmp_path_factory, document):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    try:
        statements = camera_statements([document], path)
    except InputError as error:
        assert "any.yaml" in str(error)
    else:
        for statement in statements:
            assert isinstance(statement.value, float) and abs(statement.value) < np.inf
            assert statement.source.startswith("any.yaml: ")


@UNHURRIED
@given(text=st.text() | st.binary())
def test_any_text_is_yaml_documents_or_an_input_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(errors="replace"))
    try:
        assert all(isinstance(document, dict) for document in read_documents(path))
    except InputError as error:
        assert "any.yaml" in str(error)
