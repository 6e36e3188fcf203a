"""Tables of no known program: what the caller has to say, what is read from where, and any table as csv or parquet."""

import csv
import errno

import h5py
import numpy as np
import pandas
import pyarrow
import pyarrow.parquet
import pytest
import scipy.io
from hdf5_table_files import disk_of
from hypothesis import given
from hypothesis import strategies as st
from movie_files import UNHURRIED
from test_text_tables import ADDED, PHOTONS, REASON, in_file, new_values, write

from lumicrop.input_error import InputError
from lumicrop.output_files import OutputFiles
from lumicrop.tables import DataFrameTable, PlainTable, read_table
from lumicrop.tables.plain_writer import plain_writer

XY = {"x": "x", "y": "y"}
PX = {"unit": "px", "origin": "first_pixel", "first_frame": 0}


def write_plain(table, target, block=None):
    """Any table as a plain one."""
    values, block = new_values(len(table)), block or max(1, len(table))
    with OutputFiles([target]) as files, plain_writer(table, target, ADDED, {"by": "a test"}, files) as writer:
        for start in range(0, len(table), block):
            writer.write({name: column[start : start + block] for name, column in values.items()})
    return target


# -------------------------------------------------------------------------------------------------- what has to be said


def test_every_meaning_of_a_column(tmp_path):
    path = in_file(tmp_path, "t,a,b,w,v,s,n,h,phi\n2,10,20,1.1,1.2,5,900,-30,45\n")
    named = {
        "frame": "t",
        "x": "a",
        "y": "b",
        "sigma_x": "w",
        "sigma_y": "v",
        "background": "s",
        "photons": "n",
        "z": "h",
        "angle": "phi",
    }
    table = PlainTable(path, named, "nm", "pixel_corner", 1)
    assert (table.frame[0], table.x[0], table.y[0], table.z_nm[0], table.angle_deg[0]) == (1, 10, 20, -30, 45)
    assert (table.sigma_x[0], table.sigma_y[0], table.background[0], table.photons[0]) == (1.1, 1.2, 5, 900)
    assert (table.length_unit, table.origin, table.first_frame, table.qe) == ("nm", "pixel_corner", 1, None)
    assert (table.width_names, table.background_name, table.format) == ("w, v", "s", "plain csv")
    table = PlainTable(path, {"x": "a", "y": "b", "sigma": "w"}, "px", "first_pixel")
    assert table.sigma_x is table.sigma_y and table.frame.tolist() == [0], "without frames all is of the first frame"
    table = PlainTable(path, {"x": "a", "y": "b"}, "px", "first_pixel", first_pixel_at=1)
    assert (table.x[0], table.y[0]) == (9, 19)


@pytest.mark.parametrize(
    "columns, said, expected",
    [
        (
            None,
            {},
            "locs.csv: which columns are x and y\\? Give --columns x=NAME,y=NAME.*; the columns are t, x, y, s$",
        ),
        ({"x": "x"}, {}, "locs.csv: which columns are y\\? Give --columns"),
        (XY | {"z": "depth"}, {}, "locs.csv: column 'depth' \\(z\\) is missing; the columns are t, x, y, s"),
        (XY | {"wide": "s"}, {}, "'wide' is no meaning of a column, expected x, y, frame"),
        (XY | {"sigma_x": "s"}, {}, "give sigma for one width, or both"),
        (XY | {"sigma": "s", "sigma_x": "s", "sigma_y": "s"}, {}, "give sigma for one width, or both"),
        (
            XY,
            {},
            "locs.csv: the unit of x, y and the widths is not known: give --unit px or --unit nm; the columns are",
        ),
        (XY, {"unit": "um"}, "--unit is 'um', expected px or nm"),
        (XY, {"unit": "px"}, "locs.csv: where coordinate 0 lies is not known: give --origin first_pixel"),
        (XY, {"unit": "px", "origin": "middle"}, "--origin is 'middle', expected one of first_pixel, pixel_corner"),
        (
            XY | {"frame": "t"},
            {"unit": "px", "origin": "first_pixel"},
            "locs.csv: the number of the first frame is not known: give --first-frame",
        ),
        (XY, {"unit": "nm", "origin": "first_pixel", "first_pixel_at": 1}, "--first-pixel-at .* needs --unit px"),
        (
            XY,
            {"unit": "px", "origin": "pixel_corner", "first_pixel_at": 1},
            "--first-pixel-at .* needs .* --origin first_pixel",
        ),
    ],
)
def test_what_is_not_said_is_asked_for(tmp_path, columns, said, expected):
    text = "t,x,y,s\n0,1,2,3\n"
    with pytest.raises(InputError, match=expected):
        PlainTable(in_file(tmp_path, text), columns, **said)
    if "locs.csv" not in expected:
        with pytest.raises(InputError, match=expected):
            DataFrameTable(pandas.read_csv(tmp_path / "locs.csv"), columns, **said)


# ----------------------------------------------------------------------------------------------------------------- text


@pytest.mark.parametrize("delimiter", [",", "\t", ";", " "])
def test_cells_are_parted_by_commas_tabs_semicolons_or_spaces(tmp_path, delimiter):
    lines = [delimiter.join(row) for row in (["x", "y", "n"], ["1", "2", "3"], ["4", "5", "6"])]
    table = PlainTable(in_file(tmp_path, "\n".join(lines)), XY, **PX)
    assert table.x.tolist() == [1, 4] and table.y.tolist() == [2, 5] and list(table.data()["n"]) == [3, 6]
    written = write(table, tmp_path / "out.csv").read_text().splitlines()
    if delimiter == " ":  # where a space would begin another cell
        assert written == ["x y n lumicrop_photons lumicrop_reason", "1 2 3 0.5 0", "4 5 6 nan 1"]
    else:
        assert written == [delimiter.join(row) for row in (
            ["x", "y", "n", "lumicrop_photons [photon]", "lumicrop_reason"],
            ["1", "2", "3", "0.5", ""], ["4", "5", "6", "nan", "frame not in the movie"])]  # fmt: skip


def test_columns_aligned_by_spaces_are_read_and_stay_so(tmp_path):
    text = "   1.0000e+00   2\r\n\r\n\t3    4  \r\n"
    table = PlainTable(in_file(tmp_path, text, "locs.txt"), {"x": "1", "y": "2"}, **PX)
    assert table.x.tolist() == [1, 3] and table.data()["2"].tolist() == [2, 4]
    assert (
        write(table, tmp_path / "out.txt", [PHOTONS]).read_bytes() == b"   1.0000e+00   2 0.5\r\n\r\n\t3    4   nan\r\n"
    )
    with pytest.raises(InputError, match="line 3 has 3 cells, the header names 2 columns"):
        PlainTable(in_file(tmp_path, "1 2\n3  4\n5  6 7\n", "locs.txt"), {"x": "1", "y": "2"}, **PX)


@pytest.mark.parametrize("comments", ["", "# made by my own hand\n", "# a\n\n# a b c\n"])
@pytest.mark.parametrize("delimiter", [",", " "])
def test_names_may_be_missing_or_stand_in_a_comment(tmp_path, comments, delimiter):
    comments = comments.replace(" b c", f"{delimiter}b{delimiter}c")
    x, y = ("a", "b") if "b" in comments and "c" in comments[-4:] else ("1", "2")
    rows = "1,2,3\n4,5,6\n".replace(",", delimiter)
    table = PlainTable(in_file(tmp_path, comments + rows), {"x": x, "y": y}, **PX)
    assert len(table) == 2 and table.x.tolist() == [1, 4] and table.y.tolist() == [2, 5]
    written = write(table, tmp_path / "out.csv", [PHOTONS]).read_text()
    named = delimiter + ("lumicrop_photons" if delimiter == " " else "lumicrop_photons [photon]") if x == "a" else ""
    expected = comments.removesuffix("\n") + named + comments[-1:] + "1,2,3,0.5\n4,5,6,nan\n".replace(",", delimiter)
    assert written == expected
    assert PlainTable(tmp_path / "out.csv", {"x": x, "y": y}, **PX).x.tolist() == [1, 4]
    with pytest.raises(InputError, match=f"line {comments.count(chr(10)) + 2}: 'q' in column"):
        PlainTable(in_file(tmp_path, comments + rows.replace("5", "q")), {"x": x, "y": y}, **PX)


def test_a_table_does_not_go_through_twice(tmp_path):
    table = PlainTable(in_file(tmp_path, "x,y\n1,2\n"), XY, **PX)
    write(table, tmp_path / "out.csv")
    with pytest.raises(InputError, match="already has a column lumicrop_photons"):
        write(PlainTable(tmp_path / "out.csv", XY, **PX), tmp_path / "again.csv")
    with pytest.raises(InputError, match="already has a column lumicrop_photons"):
        write_plain(PlainTable(tmp_path / "out.csv", XY, **PX), tmp_path / "again.parquet")


@UNHURRIED
@given(content=st.binary(max_size=120) | st.text('01.5,;\t #"xyé\r\n', max_size=120).map(str.encode))
def test_any_bytes_are_a_table_or_an_input_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "plain_any.csv"
    path.write_bytes(content)
    for columns in (None, {"x": "1", "y": "2"}, XY):
        try:
            table = PlainTable(path, columns, **PX)
        except InputError as error:
            assert "plain_any.csv" in str(error)
        else:
            assert len(table) == len(table.data())
            target = path.with_name("plain_any_out.csv")
            write(table, target)
            target.unlink()


# -------------------------------------------------------------------------------------------------------------- parquet


@pytest.fixture
def parquet(tmp_path):
    frame = pandas.DataFrame({"t": np.array([3, 1, 2], "i2"), "x": np.array([1.5, np.nan, 2.5], "f4"), "y": [1, 2, 3],
                              "note": ["a", None, "c"], "kind": pandas.Categorical(["u", "v", "u"])}, index=[7, 8, 9])  # fmt: skip
    frame.to_parquet(tmp_path / "locs.parquet", compression="gzip")
    return tmp_path / "locs.parquet", frame


def test_parquet_keeps_its_schema_and_metadata(parquet, tmp_path):
    path, frame = parquet
    table = read_table(path, XY | {"frame": "t"}, unit="px", origin="first_pixel", first_frame=1)
    assert table.frame.tolist() == [2, 0, 1] and table.x[0] == 1.5 and np.isnan(table.x[1])
    write(table, tmp_path / "out.parquet", block=2)
    old, new = pyarrow.parquet.ParquetFile(path), pyarrow.parquet.ParquetFile(tmp_path / "out.parquet")
    n = len(old.schema_arrow)
    assert list(new.schema_arrow)[:n] == list(old.schema_arrow)
    assert old.schema_arrow.metadata.items() <= new.schema_arrow.metadata.items()
    assert new.schema_arrow.field("lumicrop_photons").metadata[b"unit"] == b"photon"
    assert new.num_row_groups == 2 and new.metadata.row_group(0).column(0).compression == "GZIP"
    read = pandas.read_parquet(tmp_path / "out.parquet")
    pandas.testing.assert_frame_equal(read.iloc[:, : len(frame.columns)], frame)
    np.testing.assert_array_equal(read["lumicrop_photons"], new_values(3)["lumicrop_photons"])
    assert read["lumicrop_reason"].tolist() == list(REASON.words)


def test_parquet_that_cannot_be_used_is_named(parquet, tmp_path):
    path, _ = parquet
    with pytest.raises(InputError, match="locs.parquet: column 'note' holds .*string, but must hold numbers"):
        PlainTable(path, {"x": "note", "y": "y"}, **PX)
    content = path.read_bytes()
    for broken in (b"", b"PAR1", content[:-9], content[:100] + content[140:], b"x,y\n1,2\n"):
        path.write_bytes(broken)
        with pytest.raises(InputError, match="locs.parquet"):
            PlainTable(path, XY, **PX)
    with pytest.raises(FileNotFoundError):
        PlainTable(tmp_path / "absent.parquet", XY, **PX)


def test_a_parquet_that_becomes_shorter_is_told(parquet, tmp_path):
    path, frame = parquet
    table = PlainTable(path, XY, **PX)
    frame.iloc[:2].to_parquet(path)
    with pytest.raises(InputError, match="became shorter while it was read"):
        write(table, tmp_path / "out.parquet")


def test_a_parquet_without_rows_is_a_table(tmp_path):
    pandas.DataFrame({"x": np.empty(0), "y": np.empty(0)}).to_parquet(tmp_path / "locs.parquet")
    table = PlainTable(tmp_path / "locs.parquet", XY, **PX)
    assert len(table) == 0
    write(table, tmp_path / "out.parquet")
    assert len(pandas.read_parquet(tmp_path / "out.parquet")) == 0


# --------------------------------------------------------------------------------------------------------------- arrays


def test_beads_of_an_npz(data_folder, tmp_path):
    path = data_folder / "sdt-python" / "beads_2d.npz"
    columns = {"x": "2", "y": "4", "sigma_x": "3", "sigma_y": "5", "background": "6"}
    table = PlainTable(path, columns, "px", "first_pixel")
    with np.load(path) as archive:
        peaks = archive["peaks"]
    assert table.column_names == [str(number) for number in range(1, 10)] and table.output_suffix == ".csv"
    np.testing.assert_array_equal([table.x, table.y, table.sigma_x, table.background], peaks[:, [1, 3, 2, 5]].T)
    assert table.written_paths(tmp_path / "out.npz") == [tmp_path / "out.csv"]
    written = pandas.read_csv(write(table, tmp_path / "out.csv", block=10))
    np.testing.assert_allclose(written.iloc[:, :9].to_numpy(), peaks, rtol=1e-14)


def test_rows_by_frame_of_an_npz_are_one_table(data_folder):
    path = data_folder / "sdt-python" / "cg_loc_orig.npz"
    table = PlainTable(path, {"frame": "frame", "x": "1", "y": "2"}, **PX)
    with np.load(path) as archive:
        assert len(table) == sum(len(archive[key]) for key in archive.files) and table.frame.max() == 9
        np.testing.assert_array_equal(table.x[table.frame == 3], archive["3"][:, 0])
    one = PlainTable(f"{path}::3", {"x": "1", "y": "2"}, **PX)
    assert len(one) == 7 and one.path == path


def test_positions_of_a_mat_counted_from_1(data_folder):
    path = data_folder / "sdt-python" / "pMHC_AF647_200k_000__positions.mat"
    meaning = {"unit": "px", "origin": "first_pixel", "first_frame": 1, "first_pixel_at": 1}
    table = PlainTable(path, {"x": "1", "y": "2", "frame": "11"}, **meaning)
    values = scipy.io.loadmat(path)["MT"]
    np.testing.assert_array_equal([table.x + 1, table.y + 1, table.frame + 1], values[:, [0, 1, 10]].T)
    assert len(PlainTable(f"{path}::MT", {"x": "1", "y": "2"}, **PX)) == len(table) == 55


def test_frames_that_pandas_wrote_as_h5(data_folder):
    path = data_folder / "sdt-python" / "orig_pt2d.h5"
    table = PlainTable(f"{path}::features", {"x": "x", "y": "y", "frame": "frame"}, **PX)
    assert len(table) == 55 and table.column_names[:3] == ["x", "y", "mass"] and table.output_suffix == ".csv"
    with h5py.File(path) as file:
        np.testing.assert_array_equal(table.y, file["features/block0_values"][:, 1])
    with pytest.raises(
        InputError, match="name one array .* such as orig_pt2d.h5::features; there are features, tracks"
    ):
        PlainTable(path, XY, **PX)
    with pytest.raises(InputError, match="there is no array 'nothing' of two dimensions; there are features, tracks"):
        PlainTable(f"{path}::nothing", XY, **PX)


@pytest.mark.parametrize("suffix", [".npz", ".mat", ".h5"])
def test_the_only_array_of_two_dimensions_is_the_table(tmp_path, suffix):
    values = {"peaks": np.arange(6.0).reshape(3, 2), "stack": np.zeros((2, 3, 4)), "text": np.array(["a"])}
    path = tmp_path / f"locs{suffix}"
    if suffix == ".npz":
        np.savez(path, **values)
    elif suffix == ".mat":
        scipy.io.savemat(path, values)
    else:
        with h5py.File(path, "w") as file:
            file["deep/peaks"], file["stack"] = values["peaks"], values["stack"]
    assert PlainTable(path, {"x": "1", "y": "2"}, **PX).x.tolist() == [0, 2, 4]
    in_file(tmp_path, path.read_bytes()[:-200], path.name)
    with pytest.raises(InputError, match=f"locs{suffix}: this is not a {suffix} file of arrays that can be read"):
        PlainTable(path, {"x": "1", "y": "2"}, **PX)
    with pytest.raises(FileNotFoundError):
        PlainTable(tmp_path / f"absent{suffix}", XY, **PX)


@pytest.mark.parametrize("suffix", [".npz", ".mat", ".h5", ".parquet"])
@UNHURRIED
@given(
    content=st.binary(max_size=60),
    beginning=st.sampled_from([b"", b"PK\3\4", b"MATLAB 5.0", b"\x89HDF\r\n\x1a\n", b"PAR1"]),
)
def test_any_bytes_are_no_arrays_and_say_so(tmp_path_factory, suffix, content, beginning):
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(beginning + content)
    with pytest.raises(InputError, match=f"any{suffix}"):
        PlainTable(path, XY, **PX)


# ---------------------------------------------------------------------------------------------------------- data frames


def test_a_data_frame_is_a_table(tmp_path):
    frame = pandas.DataFrame({"x": [1, 2], "y": pandas.array([3, None], "Int64"), 5: ["7", "8"]}, index=["b", "a"])
    table = read_table(frame, XY | {"frame": "5"}, unit="px", origin="pixel_corner", first_frame=1)
    assert type(table) is DataFrameTable and table.data() is frame
    assert table.frame.tolist() == [6, 7] and table.y[0] == 3 and np.isnan(table.y[1])
    assert str(table.path) == "<DataFrame>" and table.column_names == ["x", "y", "5"]
    with pytest.raises(InputError, match="a DataFrame has no format of its own: write a .csv or .parquet"):
        write(table, tmp_path / "out.csv")
    frame["x"] = ["1", "one"]
    with pytest.raises(InputError, match="<DataFrame>: row 2: 'one' in column \"x\" is not a number"):
        DataFrameTable(frame, XY, **PX)
    frame.columns = ["x", "y", "y"]
    with pytest.raises(InputError, match="<DataFrame>: two columns have the same name"):
        DataFrameTable(frame, XY, **PX)


# --------------------------------------------------------------------------------------------- any table as a plain one


@pytest.fixture
def several_kinds():
    moments = pandas.to_datetime(["2024-01-02", None, "2024-03-04"])
    frame = pandas.DataFrame({"x": [0.1, np.nan, -np.inf], "y": [1, 2, 3], 'a "name", long': ['plain', 'a,"b"\n', None],
                              "when": moments, "mixed": [1, "two", None], "yes": [True, False, True]})  # fmt: skip
    return DataFrameTable(frame, XY, **PX)


@pytest.mark.parametrize("block", [1, 2, 3])
def test_any_table_is_written_as_csv(several_kinds, tmp_path, block):
    written = write_plain(several_kinds, tmp_path / "out.csv", block).read_text()
    rows = list(csv.reader(written.splitlines(keepends=True)))
    assert rows[0] == [
        "x",
        "y",
        'a "name", long',
        "when",
        "mixed",
        "yes",
        "lumicrop_photons [photon]",
        "lumicrop_reason",
    ]
    assert [row[0] for row in rows[1:]] == ["0.1", "nan", "-inf"] and [row[1] for row in rows[1:]] == ["1", "2", "3"]
    assert [row[2] for row in rows[1:]] == ["plain", 'a,"b"\n', ""] and [row[4] for row in rows[1:]] == ["1", "two", ""]
    assert [row[3][:10] for row in rows[1:]] == ["2024-01-02", "", "2024-03-04"]
    assert [row[6] for row in rows[1:]] == ["0.5", "nan", "inf"] and [row[7] for row in rows[1:]] == list(REASON.words)


def test_any_table_is_written_as_parquet(several_kinds, tmp_path):
    with pytest.raises(InputError, match="cannot be written as parquet .*: write a .csv"):
        write_plain(several_kinds, tmp_path / "out.parquet")
    frame = several_kinds.data().drop(columns="mixed")
    path = write_plain(DataFrameTable(frame, XY, **PX), tmp_path / "out.parquet", block=2)
    read = pandas.read_parquet(path)
    np.testing.assert_array_equal(read["x"], frame["x"])
    assert read['a "name", long'].tolist()[:2] == ["plain", 'a,"b"\n'] and list(read["when"].isna()) == [
        False,
        True,
        False,
    ]
    assert pyarrow.parquet.read_schema(path).metadata[b"lumicrop"] == b'{"by": "a test"}'


def test_other_kinds_of_files_are_not_written(several_kinds, tmp_path):
    with pytest.raises(InputError, match="out.xlsx: any table can be written as .csv or .parquet"):
        write_plain(several_kinds, tmp_path / "out.xlsx")


@pytest.mark.parametrize(
    "name", ["picasso/testdata_locs.hdf5", "formats/Elyra_dstorm_data.txt", "formats/rapidSTORM_dstorm_data.txt"]
)
def test_tables_of_programs_are_written_as_plain_ones(data_folder, tmp_path, name):
    table = read_table(data_folder / name)
    data = table.data()
    for target in (write_plain(table, tmp_path / "out.csv", 100), write_plain(table, tmp_path / "out.parquet", 100)):
        read = pandas.read_csv(target) if target.suffix == ".csv" else pandas.read_parquet(target)
        assert len(read) == len(table) and list(read)[: data.shape[1]] == list(data)
        for column in data:
            np.testing.assert_allclose(read[column].to_numpy(data[column].dtype), data[column], rtol=1e-6)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("own", [True, False])
def test_a_full_disk_is_reported_with_the_name_of_the_output(tmp_path, suffix, own):
    frame = pandas.DataFrame({"x": np.random.default_rng(1).random(20_000), "y": 1.0})
    path, target = tmp_path / f"locs{suffix}", tmp_path / f"out{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    table = PlainTable(path, XY, **PX)
    with disk_of(100_000), pytest.raises(OSError) as caught:
        write(table, target, block=5000) if own else write_plain(table, target, block=5000)
    assert caught.value.errno == errno.EFBIG and caught.value.filename == str(target)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
