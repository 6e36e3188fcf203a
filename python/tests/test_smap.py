"""SMAP's tables: pixels of the movie's frames, counted from 1, in files that MATLAB goes on reading."""

import h5py
import numpy as np
import pytest
from hdf5_table_files import ADDED, smap, write

from lumicrop.input_error import InputError
from lumicrop.tables import SmapTable, read_table


def test_smap_sample_counts_pixels_and_frames_from_1(data_folder):
    path = data_folder / "formats" / "smap_dstorm_data.mat"
    table = read_table(path)
    with h5py.File(path) as file:
        loc = {name: file["saveloc/loc"][name][0] for name in file["saveloc/loc"]}
    np.testing.assert_array_equal(table.x, loc["xpix"].astype(float) - 1)
    np.testing.assert_array_equal(table.y, loc["ypix"].astype(float) - 1)
    np.testing.assert_allclose((table.x + 1) * 104, loc["xnm"], rtol=1e-6)  # nanometres are these pixels, from 1 too
    np.testing.assert_array_equal(table.frame, loc["frame"] - 1)
    for name, attribute in {"znm": "z_nm", "phot": "photons", "bg": "background"}.items():
        np.testing.assert_array_equal(getattr(table, attribute), loc[name])
    assert (table.origin, table.length_unit, table.first_frame, table.qe) == ("first_pixel", "px", 1, 1.0)
    said = [(statement.quantity, statement.value) for statement in table.statements]
    assert said == [("pixel_nm", 104.0), ("gain", 0.5), ("offset", 100.0)]
    assert table.sigma_x is None, "a fit of a measured PSF has no widths"
    data = table.data()
    assert list(data)[:3] == ["frame", "xnm", "ynm"] and len(data.columns) == 25
    np.testing.assert_array_equal(data["LLrel"], loc["LLrel"])


def test_smap_positions_lie_on_the_images_that_the_sample_holds(data_folder):
    path = data_folder / "formats" / "smap_dstorm_data.mat"
    table = read_table(path)
    light = {True: [], False: []}
    with h5py.File(path) as file:
        raw = file["saveloc/file/raw"]
        for image, frame in zip(raw["image"][:, 0], raw["frame"][:, 0]):
            pixels = file[image][()].T.astype(float)  # MATLAB's rows and columns
            rows = np.flatnonzero(table.frame == int(file[frame][0, 0]) - 1)
            for x, y in zip(table.x[rows], table.y[rows]):
                for swapped, (row, column) in {False: (y, x), True: (x, y)}.items():
                    r, c = round(row), round(column)
                    around = pixels[max(r - 5, 0) : r + 6, max(c - 5, 0) : c + 6]
                    light[swapped].append(
                        pixels[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2].mean() - np.median(around)
                    )
    assert len(light[False]) == 17 and np.mean(light[False]) > 2 * abs(np.mean(light[True]))


def test_smap_keeps_matlabs_block_and_tells_matlab_of_the_new_fields(data_folder, tmp_path):
    path = data_folder / "formats" / "smap_dstorm_data.mat"
    write(read_table(path), tmp_path / "out.mat")
    assert (tmp_path / "out.mat").read_bytes()[:512] == path.read_bytes()[:512]
    with h5py.File(path) as before, h5py.File(tmp_path / "out.mat") as after:
        loc, old = after["saveloc/loc"], before["saveloc/loc"]
        names = [b"".join(letters).decode() for letters in loc.attrs["MATLAB_fields"]]
        assert names == [b"".join(letters).decode() for letters in old.attrs["MATLAB_fields"]] + [c.name for c in ADDED]
        letters = [h5py.h5a.open(group.id, b"MATLAB_fields").get_type().get_super() for group in (old, loc)]
        assert [letter.get_size() for letter in letters] == [1, 1] and letters[0].get_class() == letters[1].get_class()
        classes = {"photons": "double", "flags": "uint32", "neighbours": "uint16", "reason": "uint8"}
        for name, kind in ((f"lumicrop_{name}", kind) for name, kind in classes.items()):
            assert loc[name].shape == (1, 4884) and loc[name].dtype == {"double": "f8"}.get(kind, kind)
            assert loc[name].attrs["MATLAB_class"] == kind.encode()
            types = [h5py.h5a.open(item.id, b"MATLAB_class").get_type() for item in (loc[name], old["xpix"])]
            assert types[0].get_class() == types[1].get_class() and not types[0].is_variable_str()
            assert types[0].get_cset() == types[1].get_cset() == h5py.h5t.CSET_ASCII
            assert loc[name].attrs["H5PATH"] == old["frame"].attrs["H5PATH"]


def test_smap_without_pixels_uses_nanometres_and_the_cameras_region(tmp_path):
    path = smap(tmp_path, {"roi": [10, 20, 64, 32], "cam_pixelsize_um": [0.1, 0.2]}, xpix=None, ypix=None,
                xnm=[1100, 2150], ynm=[4400, 4420])  # fmt: skip
    table = read_table(path)
    np.testing.assert_allclose(table.x, [0, 10.5], atol=1e-12)
    np.testing.assert_allclose(table.y, [1, 1.1], atol=1e-12)
    assert ("pixel_nm", (200.0, 100.0)) in {(said.quantity, said.value) for said in table.statements}
    with pytest.raises(InputError, match="no pixel size for xnm and ynm"):
        read_table(smap(tmp_path, {"cam_pixelsize_um": None}, xpix=None, ypix=None, xnm=[1, 2], ynm=[3, 4]))


def test_smap_images_that_were_mirrored_are_mirrored_back(tmp_path):
    table = read_table(smap(tmp_path, {"EMmirror": [1]}))
    assert table.x.tolist() == [63, 52.5] and table.y.tolist() == [1, 20]
    with pytest.raises(InputError, match="no Width to mirror them back"):
        read_table(smap(tmp_path, {"EMmirror": [1], "Width": None}))


def test_smap_gain_is_divided_by_the_em_gain_when_it_is_on(tmp_path):
    def gain(**info):
        said = read_table(smap(tmp_path, info)).statements
        return [statement.value for statement in said if statement.quantity == "gain"]

    assert gain() == [5.0] and gain(EMon=[1]) == [0.05]
    assert gain(EMon=None) == gain(conversion=None) == gain(EMon=[1], emgain=[0]) == []


def test_smap_widths_that_do_not_differ_are_one(tmp_path):
    table = read_table(smap(tmp_path, PSFxpix=[1.2, 1.3], PSFypix=[1.2, 1.3]))
    assert table.sigma_x.tolist() == [1.2, 1.3] and not table.has_two_widths and table.width_names == "PSFxpix"
    table = read_table(smap(tmp_path, PSFxpix=[1.2, 1.3], PSFypix=[1.2, 1.4]))
    assert table.has_two_widths and table.width_names == "PSFxpix, PSFypix"
    assert read_table(smap(tmp_path, PSFxnm=[120, 130])).sigma_x.tolist() == [1.2, 1.3]
    assert read_table(smap(tmp_path, PSFxpix=[1, 1])).sigma_x.tolist() == [1, 1]
    assert read_table(smap(tmp_path, PSFxpix=[1, 1], znm=[7, 8])).sigma_x is None


def test_smap_tables_of_several_movies_are_refused_and_one_of_them_is_found(tmp_path):
    with pytest.raises(InputError, match="localizations of 2 movies"):
        read_table(smap(tmp_path, filenumber=[1, 2]))
    path = smap(tmp_path, filenumber=[2, 2])
    with h5py.File(path, "a") as file:
        file.move("saveloc/file/info", "second")
        file["first/offset"] = [[7.0]]
        file["saveloc/file/info"] = np.array([[file["first"].ref], [file["second"].ref]], h5py.ref_dtype)
    assert ("offset", 100.0) in {(said.quantity, said.value) for said in read_table(path).statements}


def test_smap_without_a_camera_or_rows_or_names_of_fields(tmp_path):
    path = smap(tmp_path, fields=False)
    with h5py.File(path, "a") as file:
        del file["saveloc/file"]
    table = read_table(path)
    assert table.statements == [] and table.x.tolist() == [0, 10.5]
    with h5py.File(write(table, tmp_path / "out.mat").path) as file:
        assert "MATLAB_fields" not in file["saveloc/loc"].attrs
    empty = {name: [0, 0] for name in ("frame", "xpix", "ypix", "phot", "bg")}
    path = smap(tmp_path, **empty)
    with h5py.File(path, "a") as file:
        for name in empty:
            file[f"saveloc/loc/{name}"].attrs["MATLAB_empty"] = np.uint8(1)
    table = read_table(path)
    assert len(table) == 0 and len(table.x) == 0 and list(table.data()) == list(empty)


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"frame": None}, "the dataset saveloc/loc/frame is missing; there are bg, phot, xpix, ypix"),
        ({"xpix": None}, "neither xpix and ypix nor xnm and ynm; there are frame, xpix, ypix, phot, bg"),
        ({"bg": [1, 2, 3]}, "saveloc/loc/bg has 3 values, but saveloc/loc/frame has 2"),
        ({"bg": [b"a", b"b"]}, "saveloc/loc/bg holds |S1, but must hold numbers"),
        ({"frame": [[1, 2], [3, 4]]}, "saveloc/loc/frame has the shape (2, 2), expected one row or one column"),
    ],
)
def test_an_smap_file_that_cannot_be_used_names_the_place(tmp_path, changes, expected):
    path = smap(tmp_path, **changes)
    with pytest.raises(InputError) as caught:
        read_table(path)
    assert expected in str(caught.value) and str(path) in str(caught.value)


def test_an_older_mat_file_is_to_be_saved_anew(tmp_path):
    path = tmp_path / "cell_sml.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file, Platform: PCWIN64".ljust(600))
    with pytest.raises(InputError, match="older than version 7.3.*'-v7.3'"):
        read_table(path)
    assert not SmapTable.recognises(tmp_path / "positions.mat", path.read_bytes())
