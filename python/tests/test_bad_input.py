"""Movies, tables and settings that are damaged, wrong, or another's: one line says which and where, nothing is written."""

import shutil

import h5py
import numpy as np
import pytest
import tifffile
import yaml
from hdf5_table_files import decode, smap, storm
from movie_files import Sample, command, write_picasso, write_raw, write_thunderstorm
from refusals import is_one_line, refused, written_or_refused
from test_insight3 import insight3, some_rows

from lumicrop import integrate_command
from lumicrop.movies import PicassoRaw

#: What a run needs that reads a movie without metadata and a table in nanometres.
TOLD = ("--pixel-nm", 100, "--size", 7, "--no-plot")


@pytest.fixture
def sample(tmp_path):
    made = Sample(tmp_path)
    return made.movie_path, made.table_path


@pytest.fixture
def csv(tmp_path):
    return thunderstorm(tmp_path / "locs.csv")


def thunderstorm(path, n=20, **changes):
    columns = {"frame": np.arange(n) % 5 + 1, "x__nm": np.full(n, 1000.5), "y__nm": np.full(n, 900.0), "sigma__nm": np.full(n, 120.0),
               "offset__photon": np.full(n, 3.0)}  # fmt: skip
    return write_thunderstorm(path, **{name: values for name, values in (columns | changes).items() if values is not None})


# --------------------------------------------------------------------------------------------------------------- movies


TIFFS = {
    "plain": {"photometric": "minisblack", "metadata": None, "contiguous": False},
    "imagej": {"imagej": True},
    "ome": {"ome": True, "metadata": {"axes": "TYX"}},
    "deflate": {"photometric": "minisblack", "metadata": None, "compression": "zlib"},
    "big": {"photometric": "minisblack", "metadata": None, "bigtiff": True},
}


@pytest.mark.parametrize("kind", TIFFS)
def test_a_tiff_cut_anywhere_is_refused_or_gives_the_same_photons(tmp_path, csv, kind):
    movie = np.random.default_rng(1).integers(100, 250, (5, 24, 37)).astype("u2")
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, movie, **TIFFS[kind])
    whole = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        first = file.pages[0]
        places = {2, 6, first.offset + 5, first.dataoffsets[0] + 5, file.pages[-1].offset + 5, file.pages[-1].dataoffsets[0] + 5}
    command("integrate", path, csv, *TOLD)
    expected = (tmp_path / "locs_lumicrop.csv").read_bytes()
    n_refused = 0
    for size in sorted({0, *places, *range(len(whole) // 9, len(whole), len(whole) // 9), len(whole) - 1}):
        path.write_bytes(whole[: min(size, len(whole) - 1)])
        line = written_or_refused(tmp_path, path, csv, *TOLD, "--overwrite")
        assert line is None or "movie.tif: " in line
        assert (tmp_path / "locs_lumicrop.csv").read_bytes() == expected, size
        n_refused += line is not None
    assert n_refused >= 10


@pytest.mark.parametrize(
    "said, place",
    [
        ({"Height": 23}, "movie.raw: the file holds"), ({"Frames": 31}, "movie.raw: the file holds"),
        ({"Frames": 29}, "as movie.yaml says"), ({"Frames": 10**18}, "as movie.yaml says"),
        ({"Frames": -1}, "movie.yaml: Frames is -1"), ({"Width": 0}, "movie.yaml: Width is 0"),
        ({"Height": "many"}, "movie.yaml: Height is 'many'"), ({"Height": 2.5}, "movie.yaml: Height is 2.5"),
        ({"Height": None}, "movie.yaml: Height is missing"), ({"Data Type": "complex64"}, "movie.yaml: Data Type is 'complex64'"),
        ({"Byte Order": "?"}, "movie.yaml: Byte Order is '?'"), ({"Pixelsize": "small"}, "movie.yaml: Pixelsize is 'small'"),
        ({"Gain": 0}, "movie.yaml: Gain is 0"),
    ],
)  # fmt: skip
def test_a_yaml_that_does_not_fit_its_movie_is_refused(tmp_path, sample, said, place):
    described = yaml.safe_load((tmp_path / "movie.yaml").read_text()) | {"Sensitivity": 1} | said
    (tmp_path / "movie.yaml").write_text(yaml.safe_dump({key: value for key, value in described.items() if value is not None}))
    refused(tmp_path, *sample, *TOLD, says=place)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "Frames: [", "\0\1", "a: !!python/object:os.system {}", "x: &x [*x, *x]", "word"])
def test_a_yaml_that_is_none_is_refused(tmp_path, sample, text):
    (tmp_path / "movie.yaml").write_text(text)
    refused(tmp_path, *sample, *TOLD, says="movie.yaml: ")


@pytest.mark.parametrize(
    "said, place",
    [
        ("frame dimensions = 37 x 25", "movie.dax: the file holds"), ("frame dimensions = 0 x 24", "movie.inf: 'frame dimensions = 0 x 24'"),
        ("frame dimensions = wide", "movie.inf: 'frame dimensions = wide'"), ("frame dimensions = 9999999 x 9999999", "movie.inf: frames of"),
        ("", "movie.inf: the line 'frame dimensions"), (None, "movie.inf is missing"),
        ("frame dimensions = 37 x 24\ndata type = 32 bit floats", "movie.inf: the data type"),
    ],
)  # fmt: skip
def test_an_inf_that_does_not_fit_its_movie_is_refused(tmp_path, csv, said, place):
    np.zeros((5, 24, 37), ">u2").tofile(tmp_path / "movie.dax")
    if said is not None:
        (tmp_path / "movie.inf").write_text(said)
    refused(tmp_path, tmp_path / "movie.dax", csv, *TOLD, says=place)


def test_frames_of_several_sizes_are_no_movie(tmp_path, csv):
    path = tmp_path / "movie.tif"
    with tifffile.TiffWriter(path) as file:
        for height in (24, 24, 25):
            file.write(np.zeros((height, 37), "u2"), photometric="minisblack", metadata=None, contiguous=False)
    refused(tmp_path, path, csv, *TOLD, says=("movie.tif: ", "2"))
    (tmp_path / "series").mkdir()
    for number, height in enumerate((24, 24, 25)):
        tifffile.imwrite(tmp_path / "series" / f"img_{number}.tif", np.zeros((height, 37), "u2"), photometric="minisblack")
    refused(tmp_path, tmp_path / "series", csv, *TOLD, says="img_2.tif")
    refused(tmp_path, tmp_path / "series" / "img_*.tif", csv, *TOLD, says="img_2.tif")
    (tmp_path / "series" / "img_2.tif").write_bytes(b"")
    refused(tmp_path, tmp_path / "series", csv, *TOLD, says="img_2.tif")


@pytest.mark.parametrize("name", ["movie.npy", "movie.npz", "movie.h5", "movie.nd2", "movie.zarr", "movie.tif", "movie.raw", "movie.txt", "movie"])
@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\x93NUMPY\x01\0\xff\xff", b"PK\x03\x04 not a zip", b"\x89HDF\r\n\x1a\n" + b"\xff" * 90])
def test_a_file_that_is_no_movie_is_refused(tmp_path, csv, name, content):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path, tmp_path / name, csv, *TOLD, says=name)


# --------------------------------------------------------------------------------------------------------------- tables


def write_format(folder, name, n=6, frame=0, x=10.0):
    """The same small table as several programs write it: `n` rows, all in one frame, x and y the same."""
    frames, places = np.full(n, frame), np.full(n, x) if np.ndim(x) == 0 else x
    if name == "picasso":
        return write_picasso(folder / "locs.hdf5", frame=frames.astype("u4"), x=places, y=places, sx=np.ones(n), sy=np.ones(n), bg=np.ones(n))
    if name == "thunderstorm":
        return thunderstorm(folder / "locs.csv", n, frame=frames + 1, x__nm=places * 100 + 50, y__nm=places * 100 + 50)
    if name == "decode":
        xyz = np.column_stack([places, places, np.zeros(n)])
        return decode(folder, px_size=(100, 100), xyz=xyz, phot=np.ones(n), bg=np.ones(n), frame_ix=frames)
    if name == "smap":
        info = {"Width": [64], "roi": [0, 0, 37, 24]}
        return smap(folder, info, frame=frames + 1, xpix=places, ypix=places, phot=np.ones(n), bg=np.ones(n), PSFxpix=np.ones(n))
    if name == "storm":
        return storm(folder, {frame: {"x": places, "y": places, "background": np.ones(n), "xsigma": np.ones(n)}} if n else {})
    rows = some_rows(n)
    rows["x"], rows["y"], rows["fr"] = places + 1, places + 1, frames + 1
    return insight3(folder, rows)


FORMATS = ("picasso", "thunderstorm", "decode", "smap", "storm", "insight3")
SUM = ("--method", "sum", "--size", 7, "--no-plot", "--pixel-nm", 100)


@pytest.mark.parametrize("name", FORMATS)
def test_the_table_of_another_movie_is_refused(tmp_path, name):
    movie = write_raw(tmp_path / "movie.raw", np.full((5, 24, 37), 9, "u2"))
    given = (movie, write_format(tmp_path, name), *SUM)
    command("integrate", *given, "-o", tmp_path / "fits.csv")
    refused(tmp_path, movie, write_format(tmp_path, name, frame=5), *SUM, says=("no detection lies in movie.raw", "the movie's frames are"))
    refused(tmp_path, movie, write_format(tmp_path, name, x=5000.0), *SUM, says=("no detection lies in movie.raw", "37 x 24 px"))
    refused(tmp_path, movie, write_format(tmp_path, name, n=0), *SUM, says="no rows")


@pytest.mark.parametrize("name", FORMATS)
def test_a_table_cut_anywhere_is_refused_or_gives_the_same_photons(tmp_path, name):
    movie = write_raw(tmp_path / "movie.raw", np.full((5, 24, 37), 9, "u2"))
    path = write_format(tmp_path, name)
    whole = path.read_bytes()
    out = tmp_path / f"out{path.suffix}"
    command("integrate", movie, path, *SUM, "-o", out)
    counted = out.with_suffix(".csv")  # where the list has no room for columns
    expected = counted.read_bytes() if name == "insight3" else out.read_bytes()
    line_starts = {place + 1 for place, byte in enumerate(whole) if byte == ord("\n")} if name == "thunderstorm" else set()
    for size in range(0, len(whole), max(1, len(whole) // 9)):
        path.write_bytes(whole[:size])
        if line_starts & {size, size - 1, size + 1}:
            continue  # whole lines, fewer: a table like any other
        line = written_or_refused(tmp_path, movie, path, *SUM, "-o", out, "--overwrite")
        if line is not None:
            assert path.name in line
        elif name != "thunderstorm":
            assert (counted if name == "insight3" else out).read_bytes() == expected, size


def test_a_missing_column_is_named(tmp_path, sample):
    movie, _ = sample
    for column in ("x", "frame"):
        changes = {"frame": None} if column == "frame" else {"x__nm": None}
        refused(tmp_path, movie, thunderstorm(tmp_path / "locs.csv", **changes), *TOLD, says=("locs.csv: ", column))
        fields = {name: np.zeros(3) for name in ("frame", "x", "y") if name != column}
        refused(tmp_path, movie, write_picasso(tmp_path / "locs.hdf5", **fields), *TOLD, says=("locs.hdf5: ", f"column {column} is missing"))
    refused(tmp_path, movie, decode(tmp_path, frame_ix=None), *TOLD, says=("emitters.h5: ", "frame_ix"))
    refused(tmp_path, movie, storm(tmp_path, {0: {"x": [1.0]}}, name="sa.hdf5"), *TOLD, says=("sa.hdf5: ", "y"))
    refused(tmp_path, movie, smap(tmp_path, frame=None), *TOLD, says=("table_sml.mat: ", "frame"))


def test_text_among_the_numbers_is_told_with_its_line(tmp_path, sample):
    movie, _ = sample
    table = thunderstorm(tmp_path / "locs.csv", 1)
    header, row = table.read_bytes().splitlines(keepends=True)
    lines = [header, *[row] * 72_000]
    for number, column, cell in ((3, 1, b"abc"), (60_000, 2, b"1;5"), (72_001, 0, b"\xff\xfe")):
        cells = lines[number - 1].split(b",")
        cells[column] = cell
        table.write_bytes(b"".join([*lines[: number - 1], b",".join(cells), *lines[number:]]))
        refused(tmp_path, movie, table, *TOLD, says=("locs.csv: ", f"line {number}"))
    table.write_bytes(b"".join([*lines[:99], b"1,2\r\n", *lines[99:]]))
    refused(tmp_path, movie, table, *TOLD, says="line 100 has 2 cells")


def test_columns_of_text_in_binary_tables_are_named(tmp_path, sample):
    movie, _ = sample
    words = np.array([b"one", b"two"])
    refused(tmp_path, movie, write_picasso(tmp_path / "w.hdf5", frame=[0, 1], x=words, y=[1.0, 2.0]), *TOLD, says=("w.hdf5: ", "column x"))
    refused(tmp_path, movie, decode(tmp_path, phot=words), *TOLD, says=("emitters.h5: ", "phot"))


@pytest.mark.parametrize("name", ["locs.csv", "locs.hdf5", "locs.h5", "locs.mat", "locs.bin", "locs.parquet", "locs.txt", "locs.npz", "locs"])
@pytest.mark.parametrize("content", [b"", b"\0" * 99, b"M425", b"\x89HDF\r\n\x1a\n" + b"\xff" * 90, b"PAR1PAR1", b"\xff\xfea\0", b"x,y\r"])
def test_a_file_that_is_no_table_is_refused(tmp_path, sample, name, content):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path, sample[0], tmp_path / name, *TOLD, says=name)


# ------------------------------------------------------------------------------------------------------ settings, sizes


@pytest.mark.parametrize(
    "text, place",
    [("", "no file of settings"), ("[1]", "'key: value'"), ("a: 1", "no setting 'a'"), ("size: seven", "size is 'seven'"), ("gain: high", "gain is 'high'"),
     ("movie: 5", "movie is 5"), ("swap_xy: maybe", "swap_xy"), ("method: guess", "guess"), ("a: b: c", "line 1"), ("\0", "yaml"),
     ("gain: .nan", "gain is nan"), ("size: [7, 7]\n---\nsize: [7, 7]", "no file of settings"), ("padding: soft", "soft"),
     ("size: [1000000000, 7]", "1000000000"), ("spline: no.npz", "no.npz")],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(tmp_path, sample, text, place):
    settings = tmp_path / "run.yaml"
    settings.write_text(text)
    refused(tmp_path, *sample, "--settings", settings, "--no-plot", says=place)


def test_a_movie_given_as_settings_is_refused_at_once(tmp_path, sample):
    with open(tmp_path / "movie.raw", "ab") as file:
        file.truncate(3 << 30)
    refused(tmp_path, "--settings", tmp_path / "movie.raw", says="movie.raw: this is no file of settings")


def test_a_crop_larger_than_the_frame_or_than_anything_is_counted_or_refused(tmp_path, sample):
    command("integrate", *sample, "--size", 51, "--no-plot", "-o", tmp_path / "out.hdf5")
    for size, place in ((100_000, "100000"), (0, "0"), (-3, "-3"), (2**40, str(2**40))):
        refused(tmp_path, *sample, "--size", size, "--no-plot", says=place)


@pytest.mark.parametrize("option", ["--gain", "--qe", "--pixel-nm", "--sigma-nm", "--offset", "--background"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1e400"])
def test_numbers_that_are_none_are_refused(tmp_path, sample, option, value):
    refused(tmp_path, *sample, "--size", 7, "--no-plot", f"{option}={value}", says=option)


# ------------------------------------------------------------------------------------------ what changes while it is read


def during(monkeypatch, owner, name, change):
    """Call `change` once, just before ``owner.name`` is called for the first time."""
    original, left = getattr(owner, name), [change]

    def changing(*arguments, **more):
        if left:
            left.pop()()
        return original(*arguments, **more)

    monkeypatch.setattr(owner, name, changing)


def half(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize("name", FORMATS)
def test_a_table_that_is_shortened_or_replaced_meanwhile_is_refused(tmp_path, name, monkeypatch):
    movie = write_raw(tmp_path / "movie.raw", np.full((5, 24, 37), 9, "u2"))
    (tmp_path / "new").mkdir()
    for change in (half, lambda path: path.unlink(), lambda path: shutil.move(write_format(tmp_path / "new", name, x=11.0), path)):
        path = write_format(tmp_path, name)
        before = set(tmp_path.iterdir())
        with monkeypatch.context() as patched:
            during(patched, PicassoRaw, "read", lambda path=path, change=change: change(path))
            said = command("integrate", movie, path, *SUM, "--quiet", "--no-check-origin", exit_code=1)
        assert is_one_line(said) and path.name in said
        assert set(tmp_path.iterdir()) <= before


@pytest.mark.parametrize("kind", ["raw", "tif", "npy", "h5"])
def test_a_movie_that_is_shortened_or_replaced_meanwhile_is_refused(tmp_path, csv, kind, monkeypatch):
    frames = np.full((5, 24, 37), 9, "u2")

    def write(folder):
        path = folder / f"movie.{kind}"
        if kind == "raw":
            write_raw(path, frames)
        elif kind == "tif":
            tifffile.imwrite(path, frames, photometric="minisblack")
        elif kind == "npy":
            np.save(path, frames)
        else:
            with h5py.File(path, "w") as file:
                file["movie"] = frames
        return path

    (tmp_path / "new").mkdir()
    for change in (half, lambda path: path.unlink(), lambda path: shutil.move(write(tmp_path / "new"), path)):
        path = write(tmp_path)
        before = set(tmp_path.iterdir())
        with monkeypatch.context() as patched:
            during(patched, integrate_command, "open_writer", lambda path=path, change=change: change(path))
            said = command("integrate", path, csv, *TOLD, "--quiet", "--no-check-origin", exit_code=1)
        assert is_one_line(said) and path.name in said
        assert set(tmp_path.iterdir()) <= before
