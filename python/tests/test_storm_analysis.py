"""storm-analysis' tables: a group for each frame, in the order of the frames, each with its own rows."""

import h5py
import numpy as np
import pytest
from hdf5_table_files import content, new_values, storm, words, write

from lumicrop.input_error import InputError
from lumicrop.tables import read_table

FRAMES = {
    10: {"x": [1.0, 2.0], "y": [3.0, 4.0], "z": [0.1, -0.2], "sum": [5.0, 6.0], "background": [7.0, 8.0]},
    2: {"x": [9.0], "y": [10.0], "sum": [11.0], "category": np.array([9], "i4")},
    3: {},
}


def test_storm_analysis_sample_counts_from_0(data_folder):
    path = data_folder / "storm-analysis" / "test_ref.hdf5"
    table = read_table(path)
    with h5py.File(path) as file:
        for name, attribute in {"x": "x", "y": "y", "xsigma": "sigma_x", "sum": "photons"}.items():
            np.testing.assert_array_equal(getattr(table, attribute), file[f"fr_0/{name}"])
    assert table.frame.tolist() == [0] * 200 and not table.has_two_widths
    assert (table.origin, table.length_unit, table.first_frame, table.qe) == ("first_pixel", "px", 0, 1.0)
    assert table.background is None, "0 in every row is no background"
    assert [(said.quantity, said.value) for said in table.statements] == [("pixel_nm", 100.0)]


def test_storm_analysis_frames_stand_in_the_order_of_their_numbers(tmp_path):
    table = read_table(storm(tmp_path, FRAMES))
    assert table.frame.tolist() == [2, 10, 10] and table.x.tolist() == [9, 1, 2] and table.y.tolist() == [10, 3, 4]
    np.testing.assert_allclose(table.z_nm, [np.nan, 100, -200])
    np.testing.assert_array_equal(table.background, [np.nan, 7, 8])
    assert table.photons.tolist() == [11, 5, 6] and table.sigma_x is None
    data = table.data()
    assert data["frame"].tolist() == [2, 10, 10]
    np.testing.assert_array_equal(data["category"], [9, np.nan, np.nan])


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_storm_analysis_frames_get_their_own_rows_whatever_the_blocks(tmp_path, block):
    frames = {number: {"x": np.arange(number % 4) + 0.5, "y": np.arange(number % 4)} for number in range(12, 0, -1)}
    path = storm(tmp_path, frames)
    table = read_table(path)
    write(table, tmp_path / "out.hdf5", block)
    values, start = new_values(len(table)), 0
    with h5py.File(tmp_path / "out.hdf5") as file:
        for number in range(1, 13):
            group, n = file[f"fr_{number}"], number % 4
            if n == 0:
                assert set(group) == {"x", "y"}
                continue
            np.testing.assert_array_equal(group["lumicrop_flags"], values["lumicrop_flags"][start : start + n])
            assert group["lumicrop_reason"][()].astype(str).tolist() == words(len(table))[start : start + n]
            assert group["lumicrop_photons"].attrs["unit"] == b"photon" and group["lumicrop_flags"].attrs["unit"] == b""
            start += n
    before, after = content(path), content(tmp_path / "out.hdf5")
    assert all(after[name] == before[name] for name in before)


def test_storm_analysis_settings_tell_the_camera(tmp_path):
    settings = "<settings><camera_gain type='float'>2.0</camera_gain><camera_offset>99</camera_offset></settings>"
    said = read_table(storm(tmp_path, FRAMES, settings)).statements
    said = [(statement.quantity, statement.value) for statement in said]
    assert said == [("pixel_nm", 160.0), ("gain", 0.5), ("offset", 99.0)]
    for text in ("", "<settings>", "<settings><camera_gain>0</camera_gain><pixel_size>none</pixel_size></settings>"):
        assert len(read_table(storm(tmp_path, FRAMES, text)).statements) == 1


@pytest.mark.parametrize(
    "frame, expected",
    [
        ({"x": [1.0]}, "the dataset fr_2/y is missing; there are x"),
        ({"x": [1.0], "y": [1.0, 2.0]}, "fr_2/y has the shape (2,), but fr_2/x has 1 rows"),
        ({"x": [[1.0]], "y": [1.0]}, "fr_2/x has the shape (1, 1), expected one axis"),
        ({"x": [1.0], "y": [b"a"]}, "fr_2/y holds no numbers"),
    ],
)
def test_a_storm_analysis_file_that_cannot_be_used_names_the_place(tmp_path, frame, expected):
    path = storm(tmp_path, FRAMES | {2: frame})
    with pytest.raises(InputError) as caught:
        read_table(path)
    assert expected in str(caught.value) and str(path) in str(caught.value)


def test_storm_analysis_things_of_the_wrong_kind_are_named(tmp_path):
    path = storm(tmp_path, FRAMES)
    with h5py.File(path, "a") as file:
        file["fr_4"] = [1.0]
    with pytest.raises(InputError, match="fr_4 is not a group"):
        read_table(path)
    with h5py.File(path, "a") as file:
        del file["fr_4"]
        file["fr_4/x/deeper"], file["fr_4/y"] = [1.0], [1.0]
    with pytest.raises(InputError, match="fr_4/x is not a dataset"):
        read_table(path)
    path = storm(tmp_path, {})
    assert len(read_table(path)) == 0
