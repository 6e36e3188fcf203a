"""Insight3's lists: read in their convention, kept byte for byte, the new columns in a csv beside them."""

import csv
import errno

import numpy as np
import pandas
import pytest
from hdf5_table_files import ADDED, disk_of, new_values, words, write
from hypothesis import given
from hypothesis import strategies as st
from movie_files import UNHURRIED

from lumicrop.input_error import InputError
from lumicrop.output_files import OutputFiles
from lumicrop.tables import AddedColumn, Insight3Table, read_table

ROW = np.dtype(
    [(name, "<f4") for name in ("x", "y", "xc", "yc", "h", "a", "w", "phi", "ax", "bg", "i")]
    + [(name, "<i4") for name in ("c", "fi", "fr", "tl", "lk")]
    + [(name, "<f4") for name in ("z", "zc")]
)
SETTINGS = (
    b"<?xml version='1.0' encoding='ISO-8859-1'?>\n<settings><pixel_size type='float'>160.0</pixel_size>"
    b"<camera_gain>4</camera_gain></settings>"
)


def header(n, version=b"M425"):
    return version + np.array([1, 6, n], "<i4").tobytes()


def insight3(folder, rows, behind=b"\0\0\0\0"):
    path = folder / "list.bin"
    path.write_bytes(header(len(rows)) + rows.tobytes() + behind)
    return path


def some_rows(n=5):
    rows = np.zeros(n, ROW)
    rows["x"], rows["y"], rows["xc"], rows["fr"] = np.arange(n) + 1, np.arange(n) * 2 + 1.5, 99, np.arange(n) + 1
    rows["a"], rows["bg"], rows["w"], rows["ax"], rows["z"] = 1000, 12, 320, 1, -50
    return rows


@pytest.mark.parametrize("name", ["test_olist.bin", "test_spliner_olist.bin"])
def test_samples_count_pixels_and_frames_from_1(data_folder, tmp_path, name):
    path = data_folder / "storm-analysis" / name
    whole = path.read_bytes()
    n = int(np.frombuffer(whole, "<i4", 4)[3])
    rows = np.frombuffer(whole, ROW, n, 16)
    table = read_table(path)
    assert type(table) is Insight3Table and len(table) == n
    np.testing.assert_array_equal(table.x, rows["x"].astype(float) - 1)
    np.testing.assert_array_equal(table.y, rows["y"].astype(float) - 1)
    np.testing.assert_array_equal(table.frame, rows["fr"] - 1)
    np.testing.assert_array_equal(table.z_nm, rows["z"])
    assert (table.origin, table.length_unit, table.first_frame, table.qe) == ("first_pixel", "px", 1, None)
    assert table.statements == [] and table.background is table.photons is table.sigma_x is None
    data = table.data()
    assert list(data) == list(ROW.names)
    np.testing.assert_array_equal(data["lk"], rows["lk"])
    write(table, tmp_path / "out.bin", block=97)
    assert (tmp_path / "out.bin").read_bytes() == whole
    beside = pandas.read_csv(tmp_path / "out.csv", keep_default_na=False, na_values=["nan"])
    assert list(beside)[:4] == ["frame", "x [px]", "y [px]", "lumicrop_photons [photon]"]
    np.testing.assert_array_equal(beside["frame"], rows["fr"])
    np.testing.assert_array_equal(beside["x [px]"].astype("f4"), rows["x"])
    np.testing.assert_array_equal(beside["lumicrop_photons [photon]"], new_values(n)["lumicrop_photons"])
    np.testing.assert_array_equal(beside["lumicrop_flags"], new_values(n)["lumicrop_flags"])
    assert beside["lumicrop_reason"].tolist() == words(n)


def test_positions_are_those_before_drift_correction(tmp_path):
    assert read_table(insight3(tmp_path, some_rows())).x.tolist() == [0, 1, 2, 3, 4]


def test_settings_behind_the_rows_give_units_and_survive(tmp_path):
    rows = some_rows()
    path = insight3(tmp_path, rows, b"\0\0\0\0" + SETTINGS)
    table = read_table(path)
    assert {(said.quantity, said.value) for said in table.statements} == {("pixel_nm", 160.0), ("gain", 0.25)}
    assert table.qe == 1.0 and table.photons.tolist() == [1000] * 5 and table.background.tolist() == [12] * 5
    assert table.sigma_x.tolist() == [1.0] * 5 and not table.has_two_widths
    write(table, tmp_path / "out.bin", block=2)
    assert (tmp_path / "out.bin").read_bytes() == path.read_bytes()
    rows["ax"][:2], rows["bg"] = [4, 0], 0
    table = read_table(insight3(tmp_path, rows, b"\0\0\0\0" + SETTINGS))
    np.testing.assert_array_equal(table.sigma_x, [0.5, np.nan, 1, 1, 1])
    np.testing.assert_array_equal(table.sigma_y, [2, np.nan, 1, 1, 1])
    assert table.background is None, "0 in every row is no background"


@pytest.mark.parametrize(
    "behind", [b"", b"\0\0", b"\0\0\0\0<?xml broken", b"\0\0\0\0<?xml version='1.0'?><a/>", b"x" * 99]
)
def test_whatever_else_stands_behind_the_rows_says_nothing_and_survives(tmp_path, behind):
    path = insight3(tmp_path, some_rows(), behind)
    table = read_table(path)
    assert table.statements == [] and len(table) == 5
    write(table, tmp_path / "out.bin")
    assert (tmp_path / "out.bin").read_bytes() == path.read_bytes()


def test_numbers_that_are_none_are_written_so(tmp_path):
    rows = some_rows(3)
    rows["x"] = [np.nan, np.inf, 2.25]
    table = read_table(insight3(tmp_path, rows))
    assert np.isnan(table.x[0]) and table.x[2] == 1.25
    write(table, tmp_path / "out.bin", added=ADDED[:1])
    lines = list(csv.reader((tmp_path / "out.csv").read_text().splitlines()))
    assert lines == [["frame", "x [px]", "y [px]", "lumicrop_photons [photon]"], ["1", "nan", "1.5", "nan"],
                     ["2", "inf", "3.5", "-1.5"], ["3", "2.25", "5.5", "0"]]  # fmt: skip


def test_a_list_without_molecules_is_a_table_without_rows(tmp_path):
    table = read_table(insight3(tmp_path, some_rows(0)))
    assert len(table) == 0 and len(table.data()) == 0
    write(table, tmp_path / "out.bin")
    assert (tmp_path / "out.csv").read_text().startswith('"frame","x [px]"')


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"M425", "ends within its header of 16 bytes"),
        (header(0, b"M424"), "begins with b'M424', but only Insight3's version M425"),
        (header(-1), "the header says that there are -1 molecules"),
        (header(3) + b"\0" * 200, "says that there are 3 molecules, but the file holds 2"),
        (header(2**31 - 1), "says that there are 2147483647 molecules, but the file holds 0"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_with_the_reason(tmp_path, content, expected):
    path = tmp_path / "list.bin"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_table(path)
    assert expected in str(caught.value) and str(path) in str(caught.value)


def test_a_list_is_known_by_its_ending_and_its_first_bytes(tmp_path):
    assert Insight3Table.recognises(tmp_path / "a.BIN", b"M425....")
    assert not Insight3Table.recognises(tmp_path / "a.dat", b"M425....")
    assert not Insight3Table.recognises(tmp_path / "a.bin", b"MATLAB")
    assert not Insight3Table.recognises(tmp_path / "a.bin", b"")


@pytest.mark.parametrize("room", [50, 72 * 3000 + 30, 72 * 3000 + 100])
def test_a_full_disk_is_reported_as_one_and_nothing_stays(tmp_path, room):
    table = read_table(insight3(tmp_path, some_rows(3000)))
    there = set(tmp_path.iterdir())
    added = [AddedColumn(f"lumicrop_{number}", "", np.dtype("f8")) for number in range(20)]  # the csv is the larger one
    values = {column.name: np.full(3000, 1 / 3) for column in added}
    with disk_of(room):
        with pytest.raises(OSError) as caught:
            with OutputFiles(table.written_paths(tmp_path / "out.bin")) as files:
                with table.writer(tmp_path / "out.bin", added, {}, files) as writer:
                    writer.write(values)
    assert caught.value.errno == errno.EFBIG and set(tmp_path.iterdir()) == there
    assert room == 50 or caught.value.filename == str(tmp_path / "out.csv")


@UNHURRIED
@given(start=st.sampled_from([b"", b"M425", header(0), header(1), header(2), b"M42"]), rest=st.binary(max_size=400))
def test_any_bytes_are_a_table_or_an_input_error(tmp_path_factory, start, rest):
    path = tmp_path_factory.getbasetemp() / "any.bin"
    path.write_bytes(start + rest)
    Insight3Table.recognises(path, start + rest)
    try:
        table = Insight3Table(path)
    except InputError as error:
        assert "any.bin" in str(error)
    else:
        assert len(table.frame) == len(table.x) == len(table.y) == len(table.data())
