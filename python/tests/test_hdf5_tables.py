"""Tables in HDF5: read in each program's convention, written back with nothing lost, and refused in one sentence."""

import errno

import h5py
import numpy as np
import pytest
import yaml
from hdf5_table_files import content, decode, disk_of, new_values, smap, storm, words, write
from hypothesis import given
from hypothesis import strategies as st
from movie_files import UNHURRIED, write_picasso

from lumicrop.input_error import InputError
from lumicrop.tables import DecodeTable, PicassoTable, SmapTable, StormAnalysisTable, read_table

SAMPLES = {
    "picasso/testdata_locs.hdf5": PicassoTable,
    "formats/decode_dstorm_data.h5": DecodeTable,
    "formats/smap_dstorm_data.mat": SmapTable,
    "storm-analysis/test_ref.hdf5": StormAnalysisTable,
}


@pytest.mark.parametrize("sample, format", SAMPLES.items())
def test_a_format_is_recognised_by_what_is_in_the_file(data_folder, sample, format):
    path = data_folder / sample
    head = path.read_bytes()[: 1 << 16]
    assert type(read_table(path)) is format
    assert [other for other in SAMPLES.values() if other.recognises(path, head)] == [format]
    other_name = path.with_name("no_such_file" + path.suffix)
    assert not format.recognises(other_name, b"") and not format.recognises(other_name, head[:2])
    if format is not PicassoTable:  # which answers for what cannot be opened, to say so
        assert not format.recognises(other_name, head)


@pytest.mark.parametrize("sample", SAMPLES)
def test_nothing_of_a_file_is_lost_and_new_columns_are_there(data_folder, tmp_path, sample):
    path = data_folder / sample
    table, target = read_table(path), tmp_path / f"out{path.suffix}"
    written = write(table, target, block=97)
    n = len(table)
    for name in ("frame", "x", "y"):
        np.testing.assert_array_equal(getattr(written, name), getattr(table, name))
    data = written.data()
    for name, values in new_values(n).items():
        if name != "lumicrop_reason":
            np.testing.assert_array_equal(data[name], values)
    if sample.endswith(".mat"):
        np.testing.assert_array_equal(data["lumicrop_reason"], new_values(n)["lumicrop_reason"])
    else:
        assert data["lumicrop_reason"].tolist() == words(n)
    old_data = table.data()
    for name in old_data:
        np.testing.assert_array_equal(data[name], old_data[name])
    group = "saveloc" if path.suffix == ".mat" else "/"  # the rest of MATLAB's file are thousands of objects: see below
    before, after = content(path, group), content(target, group)
    changed = {"picasso/testdata_locs.hdf5": {"locs"}, "formats/smap_dstorm_data.mat": {"loc"}}.get(sample, set())
    assert {name for name in before if after[name] != before[name]} == changed
    new = set(after) - set(before)
    assert all("lumicrop_" in name for name in new)
    with h5py.File(target) as file:
        for name in new if group == "/" else ():
            assert file[name].attrs["unit"] in (("photon", b"photon") if "photons" in name else ("", b""))


@pytest.mark.parametrize("sample", [sample for sample, format in SAMPLES.items() if format is not PicassoTable])
def test_what_stands_in_a_file_stays_where_it_is(data_folder, tmp_path, sample):
    path = data_folder / sample
    write(read_table(path), tmp_path / f"out{path.suffix}")
    before = np.fromfile(path, "u1")
    after = np.fromfile(tmp_path / f"out{path.suffix}", "u1")[: len(before)]
    assert np.count_nonzero(before != after) < 1500  # where the group's own list of its datasets begins and ends


@pytest.mark.parametrize("block", [1, 7, 30, 31])
@pytest.mark.parametrize("sample", ["picasso", "decode", "smap", "storm"])
def test_the_size_of_the_blocks_does_not_matter(tmp_path, sample, block):
    table = read_table(MAKERS[sample](tmp_path, 30))
    data = write(table, tmp_path / f"out{table.path.suffix}", block).data()
    for name, values in new_values(30).items():
        np.testing.assert_array_equal(data[name], words(30) if data[name].dtype.kind in "OUT" else values)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_written_table_is_not_written_again(data_folder, tmp_path, sample):
    path = data_folder / sample
    written = write(read_table(path), tmp_path / f"out{path.suffix}")
    with pytest.raises(InputError, match="already has a column lumicrop_"):
        write(written, tmp_path / f"again{path.suffix}")


# Picasso


def test_picasso_sample_is_read_as_it_stands(data_folder):
    path = data_folder / "picasso" / "testdata_locs.hdf5"
    with h5py.File(path) as file:
        locs = file["locs"][...]
    table = read_table(path)
    read = {"x": table.x, "y": table.y, "sx": table.sigma_x, "sy": table.sigma_y, "bg": table.background}
    for name, values in (read | {"photons": table.photons}).items():
        np.testing.assert_array_equal(values, locs[name])
    np.testing.assert_array_equal(table.frame, locs["frame"])
    assert table.companions == [path.with_suffix(".yaml")]
    data = table.data()
    assert list(data) == list(locs.dtype.names) and data["likelihood"].dtype == "f4"


def test_picasso_words_are_texts_of_one_length_and_z_is_nanometres(tmp_path):
    path = write_picasso(tmp_path / "locs.hdf5", frame=[1, 2], x=[1.0, 2.0], y=[3.0, 4.0], z=[-50.0, np.nan])
    table = read_table(path)
    np.testing.assert_array_equal(table.z_nm, [-50, np.nan])
    write(table, tmp_path / "out.hdf5", block=1)
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert file["locs"].dtype["lumicrop_reason"] == "S22"
        assert file["locs"]["lumicrop_reason"].tolist() == [b"", b"frame not in the movie"]


def test_picasso_metadata_in_the_file_stands_in_for_a_yaml(tmp_path):
    path = write_picasso(tmp_path / "locs.hdf5", frame=[1], x=[1.0], y=[3.0])
    with h5py.File(path, "a") as file:
        file["metadata"] = '[{"Width": 32, "Pixelsize": 130}]'
    table = read_table(path)
    assert [(said.quantity, said.value) for said in table.statements] == [("pixel_nm", 130.0)]
    assert table.companions == []
    write(table, tmp_path / "out.hdf5")
    documents = list(yaml.safe_load_all((tmp_path / "out.yaml").read_text()))
    assert documents[0] == {"Width": 32, "Pixelsize": 130} and documents[1]["Generated by"] == "a test"
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert file["metadata"][()] == b'[{"Width": 32, "Pixelsize": 130}]'
    for text in ("no json", "[1, 2]", "7"):
        with h5py.File(path, "a") as file:
            file["metadata"][()] = text
        assert read_table(path).statements == []


# DECODE


def test_decode_sample_has_the_images_first_axis_as_y(data_folder):
    path = data_folder / "formats" / "decode_dstorm_data.h5"
    table = read_table(path)
    with h5py.File(path) as file:
        xyz, data = file["data/xyz"][...], file["data"]
        np.testing.assert_array_equal(table.y, xyz[:, 0])
        np.testing.assert_array_equal(table.x, xyz[:, 1])
        np.testing.assert_array_equal(table.z_nm, xyz[:, 2])
        for name, attribute in {"frame_ix": "frame", "phot": "photons", "bg": "background"}.items():
            np.testing.assert_array_equal(getattr(table, attribute), data[name])
    assert (table.origin, table.length_unit, table.first_frame, table.qe) == ("first_pixel", "px", 0, None)
    assert [(said.quantity, said.value) for said in table.statements] == [("pixel_nm", (127.0, 117.0))]
    assert table.sigma_x is None and not table.has_two_widths
    frame = table.data()
    np.testing.assert_array_equal(frame[["x", "y", "z"]], xyz)
    assert set(frame) == {"bg", "frame_ix", "id", "phot", "phot_sig", "prob", "x", "y", "z", "x_sig", "y_sig", "z_sig"}


def test_decode_in_nanometres_stays_in_nanometres(tmp_path):
    table = read_table(decode(tmp_path, unit="nm", px_size=(100.0, 100.0)))
    assert table.length_unit == "nm" and table.x.tolist() == [2, 5.5]
    assert [said.value for said in table.statements] == [100.0]
    assert read_table(decode(tmp_path, px_size=None)).statements == []


def test_decode_without_a_background_says_so(tmp_path):
    for background in (None, h5py.Empty("f"), np.full(2, np.nan, "f4")):
        assert read_table(decode(tmp_path, bg=background)).background is None
    assert read_table(decode(tmp_path, bg=np.array([np.nan, 2], "f4"))).background[1] == 2
    assert read_table(decode(tmp_path, xyz=np.zeros((2, 2), "f4"))).z_nm is None


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"frame_ix": None}, "the dataset data/frame_ix is missing; there are bg, bg_cr, phot, xyz"),
        ({"frame_ix": h5py.Empty("i8")}, "the dataset data/frame_ix is missing"),
        ({"xyz": np.zeros(6)}, "data/xyz has the shape (6,)"),
        ({"xyz": np.zeros((2, 4))}, "data/xyz has the shape (2, 4)"),
        ({"xyz": np.full((2, 3), b"a")}, "data/xyz holds |S1, but must hold numbers"),
        ({"bg": np.zeros(3)}, "data/bg has the shape (3,), but data/xyz has 2 rows"),
        ({"frame_ix": np.zeros((2, 1))}, "data/frame_ix has the shape (2, 1)"),
        ({"frame_ix": np.array([0, 1.5])}, "row 2: frame 1.5 is not a whole number"),
        ({"unit": None}, "xy_unit of meta is missing, expected px or nm"),
        ({"unit": "um"}, "xy_unit of meta is 'um', expected px or nm"),
        ({"px_size": (0.0, 100.0)}, "px_size of meta"),
        ({"px_size": (1.0, 2.0, 3.0)}, "px_size of meta"),
    ],
)
def test_a_decode_file_that_cannot_be_used_names_the_place(tmp_path, changes, expected):
    path = decode(tmp_path, **changes)
    with pytest.raises(InputError) as caught:
        read_table(path)
    assert expected in str(caught.value) and str(path) in str(caught.value)


# Whatever the format


MAKERS = {
    "picasso": lambda folder, n: write_picasso(folder / "locs.hdf5", frame=np.arange(n), x=np.ones(n), y=np.ones(n)),
    "decode": lambda folder, n: decode(
        folder, xyz=np.ones((n, 3)), phot=np.ones(n), bg=np.ones(n), frame_ix=np.arange(n)
    ),
    "smap": lambda folder, n: smap(folder, **dict.fromkeys(("frame", "xpix", "ypix", "phot", "bg"), np.ones(n))),
    "storm": lambda folder, n: storm(
        folder, {number: {"x": np.ones(10), "y": np.ones(10)} for number in range(n // 10)}
    ),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("room", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_a_full_disk_is_reported_as_one_and_nothing_stays(tmp_path, make, room):
    table = read_table(make(tmp_path, 3000))
    target = tmp_path / f"out{table.path.suffix}"
    write(table, target, block=500)
    source, whole = table.path.stat().st_size, target.stat().st_size
    for path in table.written_paths(target):
        path.unlink()
    there = set(tmp_path.iterdir())
    with disk_of(int(source + room * (whole - source)) if room else 100):
        with pytest.raises(OSError) as caught:
            write(table, target, block=500)
    assert caught.value.errno == errno.EFBIG
    assert caught.value.filename in {str(path) for path in table.written_paths(target)}
    assert set(tmp_path.iterdir()) == there


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_table_that_changed_meanwhile_is_not_written(tmp_path, make):
    table = read_table(make(tmp_path, 30))
    make(tmp_path, 20)
    with pytest.raises(InputError, match="table (changed|became shorter) while it was read"):
        write(table, tmp_path / f"out{table.path.suffix}")
    assert not (tmp_path / f"out{table.path.suffix}").exists()


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_file_that_was_cut_off_is_an_input_error(tmp_path, make):
    path = make(tmp_path, 30)
    whole = path.read_bytes()
    for kept in (520, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:kept])
        with pytest.raises(InputError, match="not a whole HDF5 file"):
            type(read_table_as(make, tmp_path))(path)


def read_table_as(make, folder):
    """A whole table of this format, from a folder of its own."""
    aside = folder / "aside"
    aside.mkdir(exist_ok=True)
    return read_table(make(aside, 30))


def test_damaged_values_and_impossible_sizes_are_input_errors(tmp_path):
    path = tmp_path / "emitters.h5"
    with h5py.File(path, "w") as file:
        file["data/xyz"], file["data/frame_ix"] = np.ones((400, 3)), np.arange(400)
        file["data"].create_dataset("bg", data=np.random.default_rng(1).random(400), chunks=(400,), compression="gzip")
        file.create_group("meta").attrs["xy_unit"] = "px"
        chunk = file["data/bg"].id.get_chunk_info(0)
    with open(path, "r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * (chunk.size // 2))
    with pytest.raises(InputError, match="data/bg cannot be read: the file is damaged"):
        read_table(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("data/xyz", (1 << 50, 3), "f8", chunks=(1 << 10, 3))
        file["data/frame_ix"] = np.arange(4)
    with pytest.raises(InputError, match="data/xyz has the shape .* does not fit into memory"):
        read_table(path)


@UNHURRIED
@given(
    start=st.sampled_from([b"", b"\x89HDF\r\n\x1a\n", b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n"]),
    rest=st.binary(max_size=300),
    suffix=st.sampled_from([".hdf5", ".h5", ".mat"]),
)
def test_no_bytes_make_a_format_raise_when_it_is_asked(tmp_path_factory, start, rest, suffix):
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(start + rest)
    for format in SAMPLES.values():
        if format.recognises(path, start + rest):
            with pytest.raises(InputError, match="not a whole HDF5 file"):
                format(path)
