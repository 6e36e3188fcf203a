"""Photons of a whole movie equal the plain formulas on crops cut by hand, whatever the table's order and the chunks."""

import time

import numpy as np
import oracle
import pandas
import pytest
import tifffile
from movie_files import Sample, read_locs, write_picasso, write_raw, write_thunderstorm

import lumicrop
from lumicrop.input_error import InputError
from lumicrop import background_threads, movie_integration
from lumicrop.crop_window import crop_start
from lumicrop.movie_integration import REASONS, count_movie
from lumicrop.movies import open_movie
from lumicrop.request import Request
from lumicrop.settings import resolve
from lumicrop.tables import TableWriter, read_table

CPU = lumicrop.Context(backend="cpu")


def counted(movie_path, table_path, request=Request(), **more):
    table = read_table(table_path)
    with open_movie(movie_path) as movie:
        return count_movie(movie, table, resolve(request, movie, table), context=CPU, **more)


def cut(movie, frame, X0, Y0, size):
    """Crops by hand, 0 beyond the frame; and which pixels lie beyond it."""
    crops, beyond = np.zeros((len(frame), *size), movie.dtype), np.ones((len(frame), *size), bool)
    for crop, outside, t, left, top in zip(crops, beyond, frame, X0, Y0):
        for row in range(size[0]):
            for column in range(size[1]):
                r, c = top + row, left + column
                if 0 <= r < movie.shape[1] and 0 <= c < movie.shape[2]:
                    crop[row, column], outside[row, column] = movie[t, r, c], False
    return crops, beyond


def starts(positions, size):
    """First pixels, as the rule reads: floor(x + 1/2) - (s - 1)/2 for odd s, floor(x) - s/2 + 1 for even s."""
    return [
        int(np.floor(x + 0.5)) - (size - 1) // 2 if size % 2 else int(np.floor(x)) - size // 2 + 1 for x in positions
    ]


def expected(movie, frame, x_px, y_px, size, method, *, pixel_nm, offset, scale, os_fit, model="gauss", **sigmas):
    """By the plain formulas in float64; positions are pixels from the first pixel's centre."""
    X0, Y0 = starts(x_px, size[1]), starts(y_px, size[0])
    crops, beyond = cut(movie, frame, X0, Y0, size)
    return oracle.channel(
        crops, method=method, model=model, pixel=(pixel_nm, pixel_nm), scale=scale, offset=offset, padding=beyond, pixels=~beyond,
        X0=X0, Y0=Y0, x_fit=x_px * pixel_nm, y_fit=y_px * pixel_nm, os_fit=os_fit, **sigmas,
    )  # fmt: skip


def assert_equals(result, due, scale):
    """What lies in the frame equals the formulas; what does not has no photons."""
    inside = result.integrated
    due = [row for row, is_inside in zip(due, inside) if is_inside]
    oracle.assert_agrees(result.photons[inside], due, "photons")
    oracle.assert_agrees(result.psf_sum[inside], due, "psf_sum") if "psf_sum_bound" in due[0] else None
    np.testing.assert_allclose(result.background[inside], [row["background"] * scale for row in due], rtol=1e-12)
    assert np.isnan(result.photons[~inside]).all() and np.isnan(result.background[~inside]).all()


@pytest.mark.parametrize("size", [(7, 7), (8, 8), (5, 10)])
@pytest.mark.parametrize("method", ["sum", "filter"])
@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "int32"])
def test_a_movie_equals_the_formulas_also_at_its_edges(tmp_path, dtype, method, size):
    sample = Sample(tmp_path, dtype)
    result = counted(sample.movie_path, sample.table_path, Request(method=method, size=size))
    columns = {name: values.astype(float) for name, values in sample.columns.items()}
    due = expected(
        sample.movie, sample.columns["frame"], columns["x"], columns["y"], size, method, pixel_nm=100.0, offset=100.0, scale=0.5,
        os_fit=columns["bg"], sigma_x_fit=columns["sx"] * 100, sigma_y_fit=columns["sy"] * 100,
    )  # fmt: skip
    inside = (np.abs(columns["x"] - 18) <= 18.5) & (np.abs(columns["y"] - 11.5) <= 12)
    assert (result.integrated == inside).all() and 150 < inside.sum() < sample.n
    assert_equals(result, due, scale=0.5)


@pytest.mark.parametrize("method", ["sum", "filter"])
def test_chunks_and_order_change_no_bit(tmp_path, method):
    sample = Sample(tmp_path)
    request = Request(method=method, size=(7, 7))
    whole = counted(sample.movie_path, sample.table_path, request)
    steps = []
    for chunk_bytes in (1, 3000, 10**9):
        parts = counted(sample.movie_path, sample.table_path, request, chunk_bytes=chunk_bytes, progress=steps.append)
        for name in ("photons", "background", "psf_sum", "denominator", "flags"):
            assert getattr(parts, name).tobytes() == getattr(whole, name).tobytes()
        assert steps[-1] == sample.n and steps == sorted(steps)
        steps.clear()
    order = np.random.default_rng(2).permutation(sample.n)
    sample.columns = {name: values[order] for name, values in sample.columns.items()}
    shuffled = counted(sample.movie_path, sample.table_path, request)
    assert shuffled.photons.tobytes() == whole.photons[order].tobytes()


def test_detections_that_cannot_be_counted_are_kept_with_nan_and_a_reason_and_spoil_no_other(tmp_path):
    sample = Sample(tmp_path)
    sample.columns["x"], sample.columns["y"] = np.clip(sample.columns["x"], 0, 36), np.clip(sample.columns["y"], 0, 23)
    good = counted(sample.movie_path, sample.table_path, Request(size=(7, 7)))
    sample.columns["frame"][[3, 8]] = 30, 4_000_000_000
    sample.columns["x"][[8, 10, 13, 14]] = np.nan, np.nan, 36.51, -0.51
    sample.columns["y"][[11, 12, 15]] = np.inf, 1e30, 500
    sample.columns["sx"][16], sample.columns["bg"][17] = np.nan, np.nan
    result = counted(sample.movie_path, sample.table_path, Request(size=(7, 7)))
    reasons = {
        "frame not in the movie": [3, 8],
        "no position": [10, 11, 12],
        "position outside the frame": [13, 14, 15],
        "fitted value is not a number": [16, 17],
    }
    bad = np.isin(np.arange(sample.n), sum(reasons.values(), []))
    assert np.isnan(result.photons[bad]).all()
    assert result.photons[~bad].tobytes() == good.photons[~bad].tobytes()
    assert result.reasons() == {reason: len(rows) for reason, rows in reasons.items()}
    for reason, rows in reasons.items():
        assert [REASONS[index] for index in result.reason[rows]] == [reason] * len(rows)
    assert (result.reason[~bad] == 0).all()
    flag = lumicrop.Flag
    assert (result.flags[[3, 8]] == flag.BAD_INDEX).all() and (result.flags[[10, 11, 12]] == flag.PARAMETER_NAN).all()
    assert (result.flags[[13, 14, 15]] == flag.CENTRE_OUTSIDE).all()


def test_a_position_on_the_frames_outer_edge_lies_in_it(tmp_path):
    sample = Sample(tmp_path, n=4)
    sample.columns["x"][:], sample.columns["y"][:] = (-0.5, 36.5, 5, 5), (5, 5, -0.5, 23.5)
    assert counted(sample.movie_path, sample.table_path, Request(size=(7, 7))).integrated.all()


@pytest.mark.parametrize(
    "column, row, value, complaint",
    [
        ("frame", 4, 30, r"row 5: frame not in the movie \(frame 30\); --strict refuses such rows"),
        ("x", 7, np.nan, "row 8: no position"),
        ("y", 7, 99, "row 8: position outside the frame"),
        ("sx", 9, np.nan, "row 10: fitted value is not a number"),
    ],
)
def test_strict_refuses_what_would_be_kept_without_photons(tmp_path, column, row, value, complaint):
    sample = Sample(tmp_path)
    sample.columns["x"], sample.columns["y"] = np.clip(sample.columns["x"], 0, 36), np.clip(sample.columns["y"], 0, 23)
    counted(sample.movie_path, sample.table_path, Request(size=(7, 7)), strict=True)
    sample.columns[column][row] = value
    with pytest.raises(InputError, match=complaint):
        counted(sample.movie_path, sample.table_path, Request(size=(7, 7)), strict=True)


def test_neighbours_within_a_crop_are_counted_and_no_others(tmp_path):
    sample = Sample(tmp_path)
    result = counted(sample.movie_path, sample.table_path, Request(size=(7, 9)))
    frame, x, y = (sample.columns[name].astype(float) for name in ("frame", "x", "y"))
    near = (np.abs(x[:, None] - x) < 4.5) & (np.abs(y[:, None] - y) < 3.5) & (frame[:, None] == frame)
    due = np.where(result.integrated, (near & result.integrated).sum(axis=1) - 1, 0)
    assert result.neighbours.tolist() == due.tolist() and due.max() > 0


def test_only_frames_with_detections_are_read(tmp_path):
    sample = Sample(tmp_path)
    sample.columns["frame"][:] = np.where(np.arange(sample.n) % 2, 7, 21)
    assert (
        counted(sample.movie_path, sample.table_path, Request(size=(7, 7)), chunk_bytes=5 * 2 * 24 * 37).n_frames_read
        == 2
    )


def test_a_table_of_another_movie_or_of_nothing_is_refused(tmp_path):
    sample = Sample(tmp_path)
    sample.columns["frame"] += 500
    with pytest.raises(InputError, match="the movie's frames are 0 to 29, the table's 50[0-9] to 529"):
        counted(sample.movie_path, sample.table_path)
    sample.columns["frame"] -= 500
    sample.columns["x"] += 1000
    with pytest.raises(InputError, match="no detection lies in movie.raw: the movie is 37 x 24 px"):
        counted(sample.movie_path, sample.table_path, Request(size=(7, 7)))
    sample.columns = {name: values[:0] for name, values in sample.columns.items()}
    with pytest.raises(InputError, match="no rows"):
        counted(sample.movie_path, sample.table_path, Request(size=(7, 7)))


def test_a_quantum_efficiency_divides_photons_and_leaves_the_background_in_counts(tmp_path):
    """Picasso's background is photoelectrons: the counts that are subtracted do not depend on the efficiency."""
    sample = Sample(tmp_path)
    one = counted(sample.movie_path, sample.table_path, Request(size=(7, 7)))
    half = counted(sample.movie_path, sample.table_path, Request(size=(7, 7), qe=0.5))
    np.testing.assert_allclose(half.photons, 2 * one.photons, rtol=1e-12)
    np.testing.assert_allclose(half.background, 2 * one.background, rtol=1e-12)


def test_an_origin_said_by_the_caller_moves_everything_by_half_a_pixel(tmp_path):
    sample = Sample(tmp_path)
    request = {"size": (7, 7), "pixel_nm": 100.0}
    by_format = counted(sample.movie_path, sample.table_path, Request(**request))
    sample.columns["x"] += np.float32(0.5)
    sample.columns["y"] += np.float32(0.5)
    by_origin = counted(sample.movie_path, sample.table_path, Request(origin="pixel_corner", **request))
    close = np.isclose(
        by_origin.photons, by_format.photons, rtol=1e-4, equal_nan=True
    )  # float32 positions round; one may change its pixel
    assert close.mean() > 0.98


def test_one_width_and_a_given_width_are_used(tmp_path):
    sample = Sample(tmp_path)
    columns = {name: values.astype(float) for name, values in sample.columns.items()}
    common = {"pixel_nm": 100.0, "offset": 100.0, "scale": 0.5, "os_fit": columns["bg"]}
    due = expected(sample.movie, sample.columns["frame"], columns["x"], columns["y"], (7, 7), "filter", model="isogauss",
                   sigma_fit=np.sqrt(columns["sx"] * columns["sy"]) * 100, **common)  # fmt: skip
    assert_equals(counted(sample.movie_path, sample.table_path, Request(size=(7, 7), model="isogauss")), due, 0.5)
    for model in ("isogauss", "gauss"):
        due = expected(sample.movie, sample.columns["frame"], columns["x"], columns["y"], (7, 7), "filter", model="isogauss",
                       sigma_fit=np.full(sample.n, 130.0), **common)  # fmt: skip
        assert_equals(
            counted(sample.movie_path, sample.table_path, Request(size=(7, 7), model=model, sigma_nm=130.0)), due, 0.5
        )


def test_a_measured_psf_is_used(tmp_path):
    sample = Sample(tmp_path, n=40)
    knots = np.concatenate([[-2000] * 3, np.linspace(-2000, 2000, 21), [2000] * 3]).astype(float)
    tz = np.concatenate([[-500] * 3, np.linspace(-500, 500, 4), [500] * 3]).astype(float)
    greville = np.convolve(knots[1:-1], np.ones(3) / 3, "valid")
    profile = np.exp(-(greville**2) / (2 * 150.0**2))
    coefficients = np.linspace(0.5, 1, len(tz) - 4)[:, None, None] * profile[:, None] * profile
    np.savez(tmp_path / "psf.npz", tx=knots, ty=knots, tz=tz, coefficients=coefficients)
    sample.columns["z"] = np.random.default_rng(1).uniform(-400, 400, 40).astype("f4")
    result = counted(sample.movie_path, sample.table_path, Request(size=(7, 7), spline=tmp_path / "psf.npz"))
    x, y = sample.columns["x"].astype(float), sample.columns["y"].astype(float)
    X0, Y0 = starts(x, 7), starts(y, 7)
    crops, beyond = cut(sample.movie, sample.columns["frame"], X0, Y0, (7, 7))
    due = oracle.channel(crops, method="filter", model="spline", pixel=(100.0, 100.0), scale=0.5, offset=100.0, pixels=~beyond,
                         spline_psf=(knots, knots, tz, coefficients), X0=X0, Y0=Y0, x_fit=x * 100, y_fit=y * 100,
                         z_fit=sample.columns["z"].astype(float), os_fit=sample.columns["bg"].astype(float))  # fmt: skip
    assert_equals(result, due, 0.5)


@pytest.mark.parametrize("content", [None, b"no archive", {"tx": [1.0]}])
def test_a_psf_file_that_is_none_is_refused(tmp_path, content):
    sample, path = Sample(tmp_path), tmp_path / "psf.npz"
    if isinstance(content, dict):
        np.savez(path, **content)
    elif content:
        path.write_bytes(content)
    with pytest.raises(FileNotFoundError if content is None else InputError, match="psf.npz"):
        counted(sample.movie_path, sample.table_path, Request(size=(7, 7), spline=path))


@pytest.mark.parametrize("size", [1, 2, 7, 8])
def test_a_crop_encloses_its_position_as_centrally_as_pixels_allow(size):
    x = np.random.default_rng(3).uniform(-20, 20, 1000)
    centre = crop_start(x, size) + (size - 1) / 2
    assert (np.abs(centre - x) <= 0.5).all()
    assert crop_start(x, size).tolist() == starts(x, size)


def test_a_position_between_two_pixels_belongs_to_the_later_one():
    between = np.array([-1.5, -0.5, 0.5, 1.5, 2.5])
    assert crop_start(between, 1).tolist() == [-1, 0, 1, 2, 3]
    assert crop_start(between + 0.5, 2).tolist() == [-1, 0, 1, 2, 3]


# ------------------------------------------------------------------------------------------------------ others' movies


def test_picasso_movie_equals_what_the_seed_gave(data_folder, oracle_folder):
    folder = data_folder / "picasso"
    request = Request(method="filter", model="gauss", size=(7, 7), pixel_nm=160.0)
    result = counted(folder / "testdata.raw", folder / "testdata_locs.hdf5", request)
    locs, movie = (
        read_locs(folder / "testdata_locs.hdf5"),
        np.fromfile(folder / "testdata.raw", "<u2").reshape(-1, 32, 32),
    )
    columns = {name: locs[name].astype(float) for name in ("x", "y", "sx", "sy", "bg")}
    due = expected(movie, locs["frame"], columns["x"], columns["y"], (7, 7), "filter", pixel_nm=160.0, offset=0.0, scale=1.0,
                   os_fit=columns["bg"], sigma_x_fit=columns["sx"] * 160, sigma_y_fit=columns["sy"] * 160)  # fmt: skip
    assert_equals(result, due, 1.0)
    with np.load(oracle_folder / "movies" / "picasso.npz") as seed:
        assert len(seed["out_filter"]) == len(result.photons) == 564
        assert (result.X0 == seed["X0"]).all() and (result.Y0 == seed["Y0"]).all()
        bounds = [row["photons_bound"] for row in due] + np.spacing(seed["out_filter"])
        assert (np.abs(result.photons - seed["out_filter"]) <= bounds).all()
    np.testing.assert_allclose(
        np.percentile(result.photons / locs["photons"], (5, 50, 95)), (0.9802, 0.9907, 0.9995), atol=5e-5
    )


@pytest.mark.parametrize("method", ["filter", "sum"])
def test_a_thunderstorm_table_with_its_tiff_equals_the_formulas(data_folder, method):
    folder = data_folder / "deep-storm"
    movie_path, table_path = folder / "ArtificialDataset_demo1.tif", folder / "positions_demo1.csv"
    request = Request(method=method, size=(7, 7), gain=0.483, offset=131.0)
    result = counted(movie_path, table_path, request)
    rows = np.loadtxt(table_path, delimiter=",", skiprows=1)  # id, frame, x, y, sigma, intensity, offset, bkgstd
    assert len(rows) == len(result.photons) == 4956
    movie = tifffile.imread(movie_path)
    due = expected(movie, rows[:, 1].astype(int) - 1, rows[:, 2] / 100 - 0.5, rows[:, 3] / 100 - 0.5, (7, 7), method,
                   pixel_nm=100.0, offset=131.0, scale=0.483, os_fit=rows[:, 6], model="isogauss", sigma_fit=rows[:, 4])  # fmt: skip
    assert_equals(result, due, 0.483)


def test_a_psf_sum_is_the_tables_only_for_the_filter(tmp_path):
    sample = Sample(tmp_path)
    by_filter = counted(sample.movie_path, sample.table_path, Request(size=(7, 7)))
    by_sum = counted(sample.movie_path, sample.table_path, Request(size=(7, 7), method="sum"))
    assert np.isfinite(by_filter.psf_sum[by_filter.integrated]).all() and np.isnan(by_sum.psf_sum).all()


def test_x_and_y_may_be_exchanged_and_the_first_frame_named(tmp_path):
    sample = Sample(tmp_path)
    straight = counted(sample.movie_path, sample.table_path, Request(size=(7, 7)))
    columns = sample.columns
    columns["x"], columns["y"], columns["sx"], columns["sy"] = columns["y"], columns["x"], columns["sy"], columns["sx"]
    columns["frame"] += 1
    other = counted(sample.movie_path, sample.table_path, Request(size=(7, 7), swap_xy=True, first_frame=1))
    assert other.photons.tobytes() == straight.photons.tobytes()


def test_pixels_that_are_not_square_are_used_as_such(tmp_path):
    sample = Sample(tmp_path)
    columns = {name: values.astype(float) for name, values in sample.columns.items()}
    result = counted(sample.movie_path, sample.table_path, Request(size=(7, 7), pixel_nm=(127.0, 117.0)))
    inside = result.integrated
    X0, Y0 = starts(columns["x"], 7), starts(columns["y"], 7)
    crops, beyond = cut(sample.movie, sample.columns["frame"], X0, Y0, (7, 7))
    due = oracle.channel(crops, method="filter", model="gauss", pixel=(127.0, 117.0), scale=0.5, offset=100.0, pixels=~beyond,
                         X0=X0, Y0=Y0, x_fit=columns["x"] * 117, y_fit=columns["y"] * 127, os_fit=columns["bg"],
                         sigma_x_fit=columns["sx"] * 117, sigma_y_fit=columns["sy"] * 127)  # fmt: skip
    assert_equals(result, due, 0.5)
    assert inside.sum() > 150


def test_parts_end_where_the_movies_blocks_end(tmp_path):
    sample = Sample(tmp_path)
    asked = []

    with open_movie(sample.movie_path) as movie:
        read, movie.block_frames = movie.read, 4
        movie.read = lambda first, last: asked.append((first, last)) or read(first, last)
        table = read_table(sample.table_path)
        count_movie(movie, table, resolve(Request(size=(7, 7)), movie, table), context=CPU, chunk_bytes=5 * 2 * 24 * 37)
    assert asked == sorted(asked) and all(first // 4 == (last - 1) // 4 for first, last in asked)


def test_what_a_reader_raises_arrives_and_ends_the_run(tmp_path):
    sample = Sample(tmp_path)
    with open_movie(sample.movie_path) as movie:
        def fail(first, last):
            raise InputError("movie.raw: the file ends")

        movie.read = fail
        table = read_table(sample.table_path)
        with pytest.raises(InputError, match="the file ends"):
            count_movie(movie, table, resolve(Request(size=(7, 7)), movie, table), context=CPU)


def test_a_nan_pixel_or_width_spoils_its_own_detections_only(tmp_path):
    movie = np.full((2, 20, 20), 5, "f4")
    movie[0, 3, 3] = np.nan
    columns = {
        "frame": [0, 0, 1, 1],
        "x": [4.0, 14.0, 4.0, 14.0],
        "y": [4.0] * 4,
        "sx": [1.0, 1, 1, np.nan],
        "sy": [1.0] * 4,
        "bg": [0.0] * 4,
    }
    table = write_picasso(tmp_path / "locs.hdf5", **columns)
    result = counted(write_raw(tmp_path / "movie.raw", movie, Pixelsize=100), table, Request(size=(5, 5)))
    assert np.isnan(result.photons).tolist() == [True, False, False, True]


def test_csv_and_hdf5_of_the_same_detections_give_the_same_photons(tmp_path):
    sample = Sample(tmp_path)
    columns = {name: values.astype(float) for name, values in sample.columns.items()}
    table = write_thunderstorm(
        tmp_path / "locs.csv", frame=columns["frame"] + 1, x__nm=(columns["x"] + 0.5) * 100, y__nm=(columns["y"] + 0.5) * 100,
        sigma1__nm=columns["sx"] * 100, sigma2__nm=columns["sy"] * 100, offset__photon=columns["bg"],
    )  # fmt: skip
    from_csv = counted(sample.movie_path, table, Request(size=(7, 7)))
    from_hdf5 = counted(sample.movie_path, sample.table_path, Request(size=(7, 7)))
    assert (from_csv.X0 == from_hdf5.X0).all() and (from_csv.Y0 == from_hdf5.Y0).all()
    np.testing.assert_allclose(from_csv.photons, from_hdf5.photons, rtol=1e-4, atol=0.05)


def test_reading_counting_and_writing_overlap(tmp_path, monkeypatch):
    """While a part is counted, the next has been read already, and rows of earlier ones have been written."""
    for module in (background_threads, movie_integration):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 10)
    sample = Sample(tmp_path, n=300)
    sample.columns = {name: values[np.argsort(sample.columns["frame"])] for name, values in sample.columns.items()}
    events = []

    class Written(TableWriter):
        def write(self, values):
            events.append(("write", len(values["lumicrop_photons"])))

        def close(self):
            events.append(("end", 0))

    with open_movie(sample.movie_path) as movie:
        read = movie.read
        movie.read = lambda first, last: events.append(("read", first)) or read(first, last)

        def slowly(done):
            events.append(("counted", done))
            time.sleep(0.02)

        table = read_table(sample.table_path)
        settings = resolve(Request(size=(7, 7)), movie, table)
        count_movie(movie, table, settings, context=CPU, chunk_bytes=1, progress=slowly, begin_writing=Written)
    kinds = [kind for kind, _ in events]
    assert sum(rows for kind, rows in events if kind == "write") == 300 and kinds[-1] == "end"
    assert kinds[: kinds.index("counted")].count("read") >= 2  # ahead of the counting
    assert kinds.index("write") < len(kinds) - kinds[::-1].index("read")  # before the last part was read


def test_exchanged_axes_are_a_mirror_image_also_of_a_turned_psf(tmp_path):
    """A table with an angle, of a movie whose rows and columns were exchanged, counts as the movie before."""
    sample = Sample(tmp_path)
    columns = pandas.DataFrame(sample.columns | {"angle": np.random.default_rng(3).uniform(-80, 80, sample.n)})
    known = {"pixel_nm": 100.0, "gain": 0.5, "offset": 100.0, "size": (7, 7)}
    named = {"x": "x", "y": "y", "frame": "frame", "sigma_x": "sx", "sigma_y": "sy", "background": "bg", "angle": "angle"}
    table = read_table(columns, named, unit="px", origin="first_pixel", first_frame=0)
    results = []
    for frames, swap in ((sample.movie, None), (np.ascontiguousarray(sample.movie.transpose(0, 2, 1)), True)):
        movie = open_movie(frames)
        results.append(count_movie(movie, table, resolve(Request(swap_xy=swap, **known), movie, table), context=CPU))
    straight, exchanged = results
    assert straight.integrated.sum() > 150
    np.testing.assert_allclose(exchanged.photons, straight.photons, rtol=1e-4, atol=0.05)


def test_one_width_in_pixels_that_are_not_square_is_two_in_nanometres(tmp_path):
    """What is round on the camera stays round on it: the pixel's shape changes no photon."""
    sample = Sample(tmp_path)
    table = read_table(
        pandas.DataFrame(sample.columns), {"x": "x", "y": "y", "frame": "frame", "sigma": "sx", "background": "bg"},
        unit="px", origin="first_pixel", first_frame=0,
    )  # fmt: skip
    movie = open_movie(sample.movie)
    known = {"gain": 0.5, "offset": 100.0, "size": (7, 7)}
    square, oblong = (
        count_movie(movie, table, resolve(Request(pixel_nm=pixel, **known), movie, table), context=CPU)
        for pixel in (100.0, (100.0, 200.0))
    )
    np.testing.assert_allclose(oblong.photons, square.photons, rtol=1e-4, atol=0.05)


def test_infinities_have_no_photons_and_the_right_reason(tmp_path):
    movie = np.full((1, 20, 60), 5, "f4")
    movie[0, 5, 5] = np.inf
    columns = {
        "frame": [0] * 4,
        "x": [5.0, 15, 25, 35],
        "y": [5.0] * 4,
        "sx": [1.0, 1, np.inf, 1],
        "sy": [1.0] * 4,
        "bg": [0, np.inf, 0, 0],
    }
    table = write_picasso(tmp_path / "locs.hdf5", **columns)
    result = counted(write_raw(tmp_path / "movie.raw", movie, Pixelsize=100), table, Request(size=(5, 5)))
    assert np.isnan(result.photons[:3]).all() and np.isfinite(result.photons[3])
    words = ["pixel is not a number", "fitted value is not a number", "fitted value is not a number", ""]
    assert [REASONS[index] for index in result.reason] == words


def test_the_last_part_is_counted_by_all_threads(tmp_path, monkeypatch):
    """Nothing is left to be read then."""
    sample, used = Sample(tmp_path), []
    integrate = lumicrop.integrate

    def spy(*arguments, context, **more):
        used.append(context.info.threads)
        return integrate(*arguments, context=context, **more)

    monkeypatch.setattr(lumicrop, "integrate", spy)
    table = read_table(sample.table_path)
    with open_movie(sample.movie_path) as movie, lumicrop.Context("cpu", threads=2) as context:
        count_movie(movie, table, resolve(Request(size=(7, 7)), movie, table), context=context, chunk_bytes=1)
    assert used[-1] == 2 and len(used) > 20
