"""Tables of text: numbers in each program's own convention, every byte of the file kept, errors with their place."""

import csv
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from movie_files import UNHURRIED, write_thunderstorm

from lumicrop.input_error import InputError
from lumicrop.output_files import OutputFiles
from lumicrop.tables import (
    AddedColumn,
    ElyraTable,
    NanoimagerTable,
    RapidstormTable,
    SmlmlpTable,
    ThunderstormTable,
    read_table,
    text_rows,
)  # fmt: skip

PHOTONS = AddedColumn("lumicrop_photons", "photon", np.dtype("f8"))
REASON = AddedColumn("lumicrop_reason", "", np.dtype("u1"), ("", "frame not in the movie", 'no "position", or none'))
ADDED = [PHOTONS, REASON]


def new_values(n):
    photons = np.arange(n) + 0.5
    photons[1:4] = [np.nan, np.inf, -np.inf][: len(photons[1:4])]
    return {"lumicrop_photons": photons, "lumicrop_reason": (np.arange(n) % 3).astype("u1")}


def write(table, target, added=ADDED, values=None, block=None):
    """Write a table, `block` rows at a time."""
    values = values or new_values(len(table))
    block = block or max(1, len(table))
    with OutputFiles(table.written_paths(target)) as files, table.writer(target, added, {}, files) as writer:
        for start in range(0, len(table), block):
            writer.write({name: column[start : start + block] for name, column in values.items()})
    return target


def cells(line, delimiter=","):
    return next(csv.reader([line], delimiter=delimiter))


def in_file(folder, content, name="locs.csv"):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# ------------------------------------------------------------------------------------------------- programs and samples


SAMPLES = [
    ("Thunderstorm_dstorm_data.csv", ThunderstormTable, ","), ("ThunderSTORM_TS3D.csv", ThunderstormTable, ","),
    ("Elyra_dstorm_data.txt", ElyraTable, "\t"), ("Nanoimager_dstorm_data.csv", NanoimagerTable, ","),
    ("rapidSTORM_dstorm_data.txt", RapidstormTable, " "),
]  # fmt: skip


@pytest.mark.parametrize("name, kind, delimiter", SAMPLES)
def test_the_samples_are_recognised_and_come_back_byte_for_byte(data_folder, tmp_path, name, kind, delimiter):
    path = data_folder / "formats" / name
    table = read_table(path)
    assert type(table) is kind and len(table.data()) == len(table) and list(table.data()) == table.column_names
    write(table, tmp_path / name, block=4)
    before, after = path.read_bytes().split(b"\n"), (tmp_path / name).read_bytes().split(b"\n")
    photons, reason = new_values(len(table)).values()
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        if 1 <= number <= len(table):
            end = b"\r" if old.endswith(b"\r") else b""
            row = old.removesuffix(b"\r") + delimiter.encode()
            assert new.startswith(row) and new.endswith(end)
            *_, first, second = cells(new.removesuffix(b"\r").decode(), delimiter)
            np.testing.assert_equal(float(first), photons[number - 1])
            assert second == (str(reason[number - 1]) if kind is RapidstormTable else REASON.words[reason[number - 1]])
        elif number:
            assert new == old
    again = read_table(tmp_path / name)
    assert type(again) is kind and again.column_names[: len(table.column_names)] == table.column_names
    np.testing.assert_array_equal(again.x, table.x)


def test_the_double_quotes_of_a_header_stay(data_folder, tmp_path):
    table = read_table(data_folder / "formats" / "Thunderstorm_dstorm_data.csv")
    header = write(table, tmp_path / "out.csv").read_bytes().split(b"\n")[0]
    assert header.endswith(b',""uncertainty [nm]"",""lumicrop_photons [photon]"",""lumicrop_reason"""')


def test_elyra_counts_frames_from_1_and_its_half_width_is_a_standard_deviation(data_folder):
    table = read_table(data_folder / "formats" / "Elyra_dstorm_data.txt")
    assert (table.origin, table.length_unit, table.first_frame, table.assumed) == ("pixel_corner", "nm", 1, {"origin"})
    assert (table.frame[0], table.x[0], table.y[0], table.photons[0]) == (0, 15850.6, 23502.1, 472)
    assert table.background is None and table.channels == (1,)
    assert [(said.quantity, round(said.value, 6)) for said in table.statements] == [("pixel_nm", 97.087379)]
    # Thompson 2002 with the factor 2 of an EM camera, to the rounding of a tenth of a nanometre.
    data, pixel = table.data(), table.statements[0].value
    n, sigma = table.photons, table.sigma_x
    variance = (sigma**2 + pixel**2 / 12) / n + 8 * np.pi * sigma**4 * data["Background variance"] / (pixel * n) ** 2
    np.testing.assert_allclose(np.sqrt(2 * variance), data["Precision [nm]"], atol=0.1)


def test_elyra_does_not_compare_photons_of_several_frames(data_folder, tmp_path):
    text = (data_folder / "formats" / "Elyra_dstorm_data.txt").read_bytes()
    path = in_file(tmp_path, text.replace(b"1\t1\t1\t0\t15850.6", b"1\t7\t3\t0\t15850.6"), "locs.txt")
    table = read_table(path)
    assert table.frame[0] == 6 and np.isnan(table.photons[0]) and table.photons[1] == 529


ELYRA = b"Index\tFirst Frame\tPosition X [nm]\tPosition Y [nm]"


@pytest.mark.parametrize(
    "footer", [b"\n\nVoxelSizeX : 0.1\n", b"\nVoxelSizeX : 0.1 \xb5m", b"\r\n\0\r\r\nROI\t1\r\n", b"\n", b""]
)
def test_elyra_keeps_whatever_footer(tmp_path, footer):
    path = in_file(tmp_path, ELYRA + b"\n1\t2\t3\t4\n2\t3\t4\t5" + footer, "locs.txt")
    table = read_table(path)
    assert table.x.tolist() == [3, 4] and table.statements == []
    written = write(table, tmp_path / "out.txt", [PHOTONS]).read_bytes()
    assert written == ELYRA + b"\tlumicrop_photons [photon]\n1\t2\t3\t4\t0.5\n2\t3\t4\t5\tNaN" + footer


def test_nanoimager_counts_frames_from_0(data_folder, tmp_path):
    table = read_table(data_folder / "formats" / "Nanoimager_dstorm_data.csv")
    assert (table.origin, table.length_unit, table.first_frame, table.assumed) == ("pixel_corner", "nm", 0, {"origin"})
    assert (table.frame[0], table.x[0], table.y[0], table.background[0]) == (1548, 40918.949219, 56104.691406, 0.8485)
    assert table.sigma_x is None and table.channels == (0, 1)
    assert b",lumicrop_photons (photon),lumicrop_reason\n" in write(table, tmp_path / "out.csv").read_bytes()


def test_nanoimager_with_widths_is_read_in_pixels(tmp_path):
    text = ("Channel,Frame,X (nm),Y (nm),X (pix),Y (pix),Photons,Background,PSF Sigma X (pix),PSF Sigma Y (pix)\n"
            "0,5,1170,2340,10,20,900,3,1.1,1.2\n0,6,117,234,1,2,800,4,1.3,1.4\n")  # fmt: skip
    table = read_table(in_file(tmp_path, text))
    assert (table.length_unit, table.x.tolist(), table.sigma_y.tolist()) == ("px", [10, 1], [1.2, 1.4])
    assert [(said.quantity, said.value) for said in table.statements] == [("pixel_nm", 117.0)]


def rapidstorm(folder, rows="1000 2000 0 500 1.5\n", **fields):
    """A table as rapidSTORM writes it; a field is its unit and its meaning."""
    fields = {"Position-0-0": ("nanometer", "x"), "Position-1-0": ("nanometer", "y"), "ImageNumber-0-0": ("frame", "n"),
              "Amplitude-0-0": ("A/D count", "strength"), "LocalBackground-0-0": ("A/D count", "sky")} | fields  # fmt: skip
    xml = "".join(
        f'<field identifier="{name}" unit="{unit}" semantic="{means}"/>' for name, (unit, means) in fields.items()
    )
    return in_file(folder, f'# <localizations insequence="true">{xml}</localizations>\n{rows}', "locs.txt")


def test_rapidstorm_says_its_units(tmp_path):
    table = read_table(rapidstorm(tmp_path))
    assert (table.origin, table.length_unit, table.first_frame) == ("first_pixel", "nm", 0)
    assert (table.x[0], table.y[0], table.frame[0]) == (1000, 2000, 0)
    assert table.photons is None and table.background is None, "counts of the camera are no photons"
    pixels = {"Position-0-0": ("pixel", "x"), "Position-1-0": ("pixel", "y"), "LocalBackground-0-0": ("photon", "b")}
    table = read_table(rapidstorm(tmp_path, **pixels))
    assert (table.length_unit, table.x[0], table.background.tolist()) == ("px", 1000, [1.5])
    with pytest.raises(InputError, match='line 1: positions are in "parsec" and "nanometer"'):
        read_table(rapidstorm(tmp_path, **{"Position-0-0": ("parsec", "x")}))


def test_rapidstorm_widths_are_what_the_file_calls_them(tmp_path):
    rows = "1000 2000 0 500 1.5 235.482 470.964\n"
    fwhm = {name: ("nanometer", "PSF FWHM in X") for name in ("PSFWidth-0-0", "PSFWidth-1-0")}
    table = read_table(rapidstorm(tmp_path, rows, **fwhm))
    np.testing.assert_allclose([table.sigma_x[0], table.sigma_y[0]], [100, 200], rtol=1e-6)
    sigma = {name: ("micrometer", "PSF sigma") for name in fwhm}
    table = read_table(rapidstorm(tmp_path, rows, **sigma))
    np.testing.assert_allclose([table.sigma_x[0], table.sigma_y[0]], [235482, 470964])
    unknown = {name: ("nanometer", "size") for name in fwhm}
    assert read_table(rapidstorm(tmp_path, rows, **unknown)).sigma_x is None


def test_rapidstorm_describes_the_new_columns(tmp_path):
    table = read_table(rapidstorm(tmp_path))
    lines = write(table, tmp_path / "out.txt").read_text().splitlines()
    *_, photons, reason = ElementTree.fromstring(lines[0][1:])
    assert photons.attrib == {"identifier": "lumicrop_photons", "unit": "photon", "semantic": "lumicrop photons",
                              "syntax": "floating point with . for decimals and optional scientific e-notation"}  # fmt: skip
    assert reason.get("syntax") == "integer" and '2 no "position", or none' in reason.get("semantic")
    assert lines[1:] == ["1000 2000 0 500 1.5 0.5 0"]


def smlmlp(folder, header, *rows):
    names = ",".join(f'"{name}"' for name in header)
    return in_file(folder, "\n".join([names, *rows, ""]))


def test_smlmlp_prefers_fits_to_detections(tmp_path):
    header = ["detection", "frame", "x detection [nm]", "y detection [nm]", "x fit [nm]", "y fit [nm]", "z fit [nm]",
              "gaussian sigma x fit [nm]", "gaussian sigma y fit [nm]", "sigma angle [deg]",
              "offset fit [photon.pix-2]", "intensity [photon]", "channel"]  # fmt: skip
    table = read_table(smlmlp(tmp_path, header, "1,4,100,200,101.5,,-5,110,120,30,12.25,900,1"))
    assert type(table) is SmlmlpTable and (table.origin, table.first_frame) == ("first_pixel", 1)
    assert (table.frame[0], table.x[0], table.z_nm[0], table.angle_deg[0]) == (3, 101.5, -5, 30) and np.isnan(
        table.y[0]
    )
    assert (table.background[0], table.photons[0], table.has_two_widths) == (12.25, 900, True)
    lines = write(table, tmp_path / "out.csv", [PHOTONS]).read_text().splitlines()
    assert lines[0].endswith('"channel","lumicrop_photons [photon]"') and lines[1].endswith(",900,1,0.5")
    with pytest.raises(InputError, match="the channels 1, 2: give a table of one channel"):
        read_table(smlmlp(tmp_path, header, "1,4,1,2,3,4,5,6,7,8,9,0,1", "2,4,1,2,3,4,5,6,7,8,9,0,2"))


def test_smlmlp_takes_two_equal_widths_for_one(tmp_path):
    header = ["detection", "frame", "x detection [nm]", "y detection [nm]", "gaussian sigma fit [nm]",
              "gaussian sigma x fit [nm]", "gaussian sigma y fit [nm]"]  # fmt: skip
    table = read_table(smlmlp(tmp_path, header, "1,1,100,200,115,115,115"))
    assert table.x[0] == 100 and table.sigma_x is table.sigma_y and table.background is None
    table = read_table(smlmlp(tmp_path, header, "1,1,100,200,115,114,116"))
    assert table.has_two_widths


# ------------------------------------------------------------------------------------------------------ bytes that stay


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_empty_lines_and_a_byte_order_mark_stay(tmp_path, end, last, mark):
    lines = [mark + "frame,x [nm],y [nm]", "1,2.50,3e0", "", "02,+4,  5", ""] + ["7,8,9"] * (not last)
    path = in_file(tmp_path, end.join(lines))
    table = read_table(path)
    assert table.column_names[0] == "frame" and table.x[:2].tolist() == [2.5, 4] and table.y[1] == 5
    added = iter([",lumicrop_photons [photon]", ",0.5", "", ",NaN", "", ",Infinity"])
    expected = end.join(line + next(added) for line in lines)
    assert write(table, tmp_path / "out.csv", [PHOTONS]).read_bytes() == expected.encode()


def test_mixed_line_ends_and_bytes_that_are_no_text_stay(tmp_path):
    path = in_file(tmp_path, b'frame,x [nm],y [nm],"m\xb5"\r\n1,2,3,\xff\n2,3,4,"a,b"\r\n3,4,5,')
    table = read_table(path)
    written = write(table, tmp_path / "out.csv", [PHOTONS]).read_bytes()
    assert written == (b'frame,x [nm],y [nm],"m\xb5","lumicrop_photons [photon]"\r\n'
                       b'1,2,3,\xff,0.5\n2,3,4,"a,b",NaN\r\n3,4,5,,Infinity')  # fmt: skip
    assert table.data().iloc[:, 3].tolist() == ["ÿ", "a,b", ""]


def test_a_table_without_rows_is_a_table(tmp_path):
    for content in (b"frame,x [nm],y [nm]", b"frame,x [nm],y [nm]\n", b"frame,x [nm],y [nm]\r\n\r\n"):
        table = read_table(in_file(tmp_path, content))
        assert len(table) == len(table.x) == len(table.data()) == 0
        written = write(table, tmp_path / "out.csv", [PHOTONS]).read_bytes()
        assert written == content.replace(b"y [nm]", b"y [nm],lumicrop_photons [photon]")
        (tmp_path / "out.csv").unlink()


def test_blocks_of_rows_and_blocks_of_bytes_need_not_agree(tmp_path, monkeypatch):
    monkeypatch.setattr(text_rows, "_BLOCK_BYTES", 37)
    rows = np.arange(30)
    path = write_thunderstorm(
        tmp_path / "locs.csv", frame=rows + 1, x__nm=rows * 1.5, y__nm=rows, note=["ab", "c,"[:1]] * 15
    )
    table = read_table(path)
    np.testing.assert_array_equal(table.x, rows * 1.5)
    write(table, tmp_path / "out.csv", block=7)
    monkeypatch.undo()
    assert (tmp_path / "out.csv").read_bytes() == write(table, tmp_path / "whole.csv").read_bytes()


def test_a_table_that_changes_before_it_is_written_is_told(tmp_path):
    text = "frame,x [nm],y [nm]\n1,2,3\n2,3,4\n"
    for content, expected in (("frame,x [nm],y [nm]\n1,2,3\n", "shorter"),
                              ("frame,x [nm],y [nm]\n\n\n\n\n1,2,3\n", "shorter"),
                              ("frame,x [nm],y [nm]\n1\n2\n3\n4\n5\n6\n", "changed")):  # fmt: skip
        table = read_table(in_file(tmp_path, text))
        in_file(tmp_path, content)
        with pytest.raises(InputError, match=f"locs.csv: the table (became|was) {expected} while it was read"):
            write(table, tmp_path / "out.csv")
        assert not (tmp_path / "out.csv").exists()


def test_new_rows_below_the_table_are_none_of_it(tmp_path):
    table = read_table(in_file(tmp_path, "frame,x [nm],y [nm]\n1,2,3\n"))
    in_file(tmp_path, "frame,x [nm],y [nm]\n1,2,3\n4,5,6\n")
    assert write(table, tmp_path / "out.csv", [PHOTONS]).read_text().splitlines()[1:] == ["1,2,3,0.5"]


# --------------------------------------------------------------------------------------------------------------- errors


HEADER = '"frame","x [nm]","y [nm]"\n'
LONG = "1" * (1 << 20)


@pytest.mark.parametrize(
    "content, expected",
    [
        ("\xff\xfef".encode("latin-1"), "the file is UTF-16"),
        (b"\x89PNG\r\n\0\0", "line 1 has a carriage return within|column|zero"),
        ("frame;x [nm];y [nm]\n1;2;3\n", 'column "frame" is missing'),
        ('"x [nm]","y [nm]"\n', 'column "frame" is missing; the columns are x \\[nm\\], y \\[nm\\]'),
        ('"frame","x [nm]","x [nm]","y [nm]"\n1,2,3,4\n', "two columns have the same name in the header, 'x \\[nm\\]'"),
        (HEADER + "1,2,3\n1,2\n", "line 3 has 2 cells, the header names 3 columns"),
        (HEADER + "\n\n1,2,3,4\n", "line 4 has 4 cells, the header names 3 columns"),
        (HEADER + "1,2,3\n   \n", "line 3 has 1 cell, the header names 3 columns"),
        (HEADER + "1,2,3\n1,here,3\n", """line 3: 'here' in column "x \\[nm\\]" is not a number"""),
        (HEADER + "1,2,3\n\n1,2,1_0\n", """line 4: '1_0' in column "y \\[nm\\]" is not a number"""),
        (HEADER + f"1,2,{'é' * 100}\n", f"""line 2: '{"é" * 40}…' in column"""),
        (HEADER + '1,2,"3\n4"\n', "line 2 has a quote that is not closed in the same line"),
        (HEADER + "1,2,3\n1,2,3\r1,2,3\n", "line 3 has a carriage return within"),
        (HEADER.replace("\n", "\r") + "1,2,3\r", "line 1 has a carriage return within"),
        (HEADER + "1,2,3\n1,\0,3\n", "line 3 holds a byte of zero"),
        (HEADER + "1,2,3\n1,2," + LONG, "line 3 is longer than 1 MiB"),
        (HEADER + "1,2,3\n" + "\n" * (1 << 20) + "1,2,3\n", f"line {3 + (1 << 20)} is longer than 1 MiB"),
        (HEADER + "1,2,3\n1.5,2,3\n", "row 2: frame 1.5 is not a whole number"),
        (LONG + "1,2,3\n", "line 1 is longer than 1 MiB"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_line(tmp_path, content, expected):
    with pytest.raises(InputError, match=expected) as caught:
        ThunderstormTable(in_file(tmp_path, content))
    assert str(caught.value).startswith(str(tmp_path / "locs.csv")) and str(caught.value).isprintable()


def test_an_empty_file_is_no_table(tmp_path):
    with pytest.raises(InputError, match="locs.csv: the file is empty"):
        read_table(in_file(tmp_path, b""))
    with pytest.raises(InputError, match="locs.csv: the file is empty"):
        ThunderstormTable(in_file(tmp_path, b""))
    with pytest.raises(FileNotFoundError):
        ThunderstormTable(tmp_path / "absent.csv")


def test_a_long_line_is_not_read_whole(tmp_path):
    path = in_file(tmp_path, HEADER + "1,2,3\n")
    with open(path, "r+b") as file:
        file.truncate(3 << 30)  # zeros that take no disk
    with pytest.raises(InputError, match="line 3 holds a byte of zero|longer than 1 MiB"):
        ThunderstormTable(path)


@pytest.mark.parametrize("place", [5, 99_999, 150_000])
def test_the_line_is_right_far_down_in_a_large_file(tmp_path, place):
    rows = [f"{row},{row}.25,7" for row in range(1, 160_001)]
    rows[place] = f"{place},x,7"
    with pytest.raises(InputError, match=f"""line {place + 2}: 'x' in column "x \\[nm\\]" is not a number"""):
        ThunderstormTable(in_file(tmp_path, HEADER + "\n".join(rows)))


def test_what_is_wrong_further_up_is_told_first(tmp_path, monkeypatch):
    monkeypatch.setattr(text_rows, "_BLOCK_BYTES", 64)
    rows = ["1,2,3"] * 100
    rows[30], rows[40] = "1,x,3", "1,\0,3"
    with pytest.raises(InputError, match="line 32: 'x' in column"):
        ThunderstormTable(in_file(tmp_path, HEADER + "\n".join(rows)))


def test_elyra_footer_is_found_wherever_blocks_end(tmp_path, monkeypatch):
    rows = "".join(f"{row}\t{row}\t3\t4\r\n" for row in range(1, 20)).encode()
    path = in_file(
        tmp_path, ELYRA + b"\r\n" + rows + b"\0\r\r\nVoxelSizeX : 1 \xb5m\r\nVoxelSizeY : 1 \xb5m", "locs.txt"
    )
    for size in range(20, 60):
        monkeypatch.setattr(text_rows, "_BLOCK_BYTES", size)
        table = read_table(path)
        assert len(table) == 19 and table.statements[0].value == 1000
        written = write(table, tmp_path / "out.txt", [PHOTONS]).read_bytes()
        assert written.endswith(b"\r\n" + path.read_bytes().split(b"\r\n", 20)[-1]) and written.count(b"\n") == 22
        (tmp_path / "out.txt").unlink()


def test_numbers_of_every_spelling_are_read(tmp_path):
    spelt = [
        "1e3",
        "-0",
        "NaN",
        "nan",
        "Infinity",
        "-inf",
        "",
        '"5"',
        " 6 ",
        "+7",
        ".5",
        "8.",
        "1e400",
        "9" * 30,
        "NA",
        "1.#QNAN",
    ]
    numbers = [1000, -0.0, np.nan, np.nan, np.inf, -np.inf, np.nan, 5, 6, 7, 0.5, 8, np.inf, 1e30, np.nan, np.nan]
    table = read_table(in_file(tmp_path, HEADER + "".join(f"1,{cell},3\n" for cell in spelt)))
    np.testing.assert_array_equal(table.x, numbers)


def test_columns_of_no_concern_may_hold_anything(tmp_path):
    table = read_table(
        in_file(tmp_path, 'frame,x [nm],y [nm],when,"so, what"\n1,2,3,2024-01-01,true\n2,3,4,never,""\n')
    )
    data = table.data()
    assert data["so, what"].tolist() == ["true", ""] and data["frame"].dtype == np.int64
    assert table.column_names == ["frame", "x [nm]", "y [nm]", "when", "so, what"]


@pytest.mark.parametrize("values", [
    [0.1, 1 / 3, 1e-300, 5e-324, 1.7976931348623157e308, -0.0, 1e15, 123456789.123, 2.0],
    np.array([0.1, 3.4028235e38, 1e-45], "f4"),
])  # fmt: skip
def test_new_numbers_are_read_back_as_the_same(tmp_path, values):
    values = np.asarray(values)
    path = write_thunderstorm(tmp_path / "locs.csv", frame=[1] * len(values), x__nm=values, y__nm=values)
    column = AddedColumn("lumicrop_x", "", values.dtype)
    written = write(read_table(path), tmp_path / "out.csv", [column], {"lumicrop_x": values})
    read = np.array([row[-1] for row in csv.reader(written.read_text().splitlines()[1:])], values.dtype)
    assert read.tobytes() == values.tobytes()


# ------------------------------------------------------------------------------------------------------- whatever comes

plain_cells = st.text(
    st.characters(codec="utf-8", exclude_characters='\0\r\n",', exclude_categories=["Cs"]), max_size=8
)
number_cells = st.floats(width=64).map(repr) | st.integers(-(10**25), 10**25).map(str)
table_rows = st.lists(st.tuples(st.integers(0, 10**9), number_cells, number_cells, plain_cells), max_size=12)


@UNHURRIED
@given(
    rows=table_rows,
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
    quoted=st.booleans(),
    block=st.integers(1, 5),
    bytes_at_once=st.integers(8, 300),
)
def test_any_table_is_read_and_comes_back(tmp_path_factory, rows, end, last, quoted, block, bytes_at_once):
    folder = tmp_path_factory.mktemp("any")
    names = ["frame", "x [nm]", "y [nm]", "note"]
    lines = [",".join(f'"{name}"' if quoted else name for name in names)]
    lines += [f'{frame},{x},"{y}",{note}' if quoted else f"{frame},{x},{y},{note}" for frame, x, y, note in rows]
    path = in_file(folder, end.join(lines) + (end if last or not rows else ""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_rows, "_BLOCK_BYTES", bytes_at_once)
        table = read_table(path)
        write(table, folder / "out.csv", block=block)
    np.testing.assert_array_equal(table.frame, [row[0] - 1 for row in rows])
    np.testing.assert_array_equal(table.x, [float(row[1]) for row in rows])
    np.testing.assert_array_equal(table.y, [float(row[2]) for row in rows])
    before, after = path.read_bytes().split(end.encode()), (folder / "out.csv").read_bytes().split(end.encode())
    for old, new in zip(before, after, strict=True):
        assert new.startswith(old)
    written = list(csv.reader(io.StringIO((folder / "out.csv").read_bytes().decode(), newline="")))
    photons, reason = new_values(len(rows)).values()
    for row, value, word in zip(written[1:], photons, reason, strict=True):
        np.testing.assert_equal(float(row[4]), value)
        assert row[5] == REASON.words[word]


BEGINNINGS = [
    (ThunderstormTable, b'"frame","x [nm]","y [nm]"\n'), (ThunderstormTable, b""),
    (ElyraTable, ELYRA + b"\r\n"), (NanoimagerTable, b"Frame,X (nm),Y (nm)\n"),
    (SmlmlpTable, b'"frame","x fit [nm]","y fit [nm]"\n'), (RapidstormTable, b"# <localizations"),
    (RapidstormTable, b'# <localizations><field identifier="Position-0-0" unit="pixel"/>'
                      b'<field identifier="Position-1-0" unit="pixel"/><field identifier="ImageNumber-0-0"/>'
                      b"</localizations>\n"),
]  # fmt: skip
anything = st.binary(max_size=80) | st.text('0123456789.,;"eE+-naifx []\t \r\nVoxelSize<>/', max_size=80).map(
    str.encode
)


@pytest.mark.parametrize("kind, beginning", BEGINNINGS)
@UNHURRIED
@given(rest=anything)
def test_whatever_follows_is_a_table_or_an_input_error(tmp_path_factory, kind, beginning, rest):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(beginning + rest)
    try:
        table = kind(path)
    except InputError as error:
        assert "any.csv" in str(error)
        return
    assert len(table.frame) == len(table.x) == len(table.y) == len(table.data())
    target = path.with_name("any_out.csv")
    written = write(table, target, [PHOTONS]).read_bytes()
    target.unlink()
    again = path.with_name("any_again.csv")
    again.write_bytes(written)
    np.testing.assert_array_equal(kind(again).x, table.x)
