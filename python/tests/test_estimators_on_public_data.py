"""Estimators on movies that others published: each row as an independent solver of the same likelihood has it."""

import h5py
import numpy
import pytest
from scipy.spatial import cKDTree
from scipy.special import ndtr

import lumicrop

SIZE = 7
PIXEL = 160.0


@pytest.fixture(scope="module")
def picasso(data_folder):
    """Picasso's sample: movie, table, and the corners of crops of 7 pixels about its positions."""
    movie = numpy.fromfile(data_folder / "picasso" / "testdata.raw", "<u2").reshape(-1, 32, 32)
    with h5py.File(data_folder / "picasso" / "testdata_locs.hdf5") as file:
        table = file["locs"][:]
    x, y = table["x"].astype(float), table["y"].astype(float)
    corner_x, corner_y = (numpy.floor(at + 0.5).astype(int) - SIZE // 2 for at in (x, y))
    inside = (corner_x >= 0) & (corner_y >= 0) & (corner_x + SIZE <= 32) & (corner_y + SIZE <= 32)
    return movie, table[inside], corner_x[inside], corner_y[inside]


def counted(picasso, method):
    movie, table, corner_x, corner_y = picasso
    channel = lumicrop.Channel(
        movie, method=method, model="gauss", pixel_nm=PIXEL, gain=1.0, qe=1.0, crop_shape=(SIZE, SIZE)
    )
    return lumicrop.integrate(
        channel,
        frame=table["frame"].astype(int),
        X0=corner_x,
        Y0=corner_y,
        x_fit=table["x"].astype(float) * PIXEL,
        y_fit=table["y"].astype(float) * PIXEL,
        sigma_x_fit=table["sx"].astype(float) * PIXEL,
        sigma_y_fit=table["sy"].astype(float) * PIXEL,
        outputs=("photons", "background_photons", "flags"),
    )


def crops_and_shapes(picasso):
    movie, table, corner_x, corner_y = picasso
    window = numpy.arange(SIZE)
    crops = movie[
        table["frame"][:, None, None], corner_y[:, None, None] + window[:, None], corner_x[:, None, None] + window
    ]
    along_x = light_along(table["x"].astype(float) - corner_x, table["sx"].astype(float))
    along_y = light_along(table["y"].astype(float) - corner_y, table["sy"].astype(float))
    shapes = along_y[:, :, None] * along_x[:, None, :]
    shapes /= shapes.sum((1, 2), keepdims=True)
    return crops.astype(float).reshape(len(crops), -1), shapes.reshape(len(crops), -1)


def light_along(centre, sigma):
    edges = numpy.arange(SIZE + 1) - 0.5
    return numpy.diff(ndtr((edges[None] - centre[:, None]) / sigma[:, None]), axis=1)


def most_likely(counts, shape):
    """Maximum of the Poisson likelihood of photons and background, by Newton's method with its own second derivatives and a line search,
    until the gradient is gone."""
    n = counts.size

    def likelihood(at):
        mean = at[0] * shape + at[1]
        return -numpy.inf if (mean <= 0).any() else (counts * numpy.log(mean) - mean).sum()

    at = numpy.array([counts.sum() - n * counts.min(), max(counts.min(), 1.0)], float)
    rows = numpy.stack([shape, numpy.ones(n)])
    for _ in range(200):
        mean = at @ rows
        gradient = rows @ (counts / mean - 1)
        step = numpy.linalg.solve((rows * (counts / mean**2)) @ rows.T, gradient)
        part = 1.0
        # Very near the maximum rounding hides whether the likelihood grows, and a whole step is right.
        while numpy.abs(step).max() > 1e-6 * numpy.abs(at).max() and likelihood(at + part * step) < likelihood(at):
            part /= 2
        at = at + part * step
        if numpy.abs(step).max() < 1e-10 * numpy.abs(at).max():
            return at
    raise AssertionError("the solver did not converge")


def test_every_row_of_picasso_s_movie_has_the_most_likely_photons(picasso):
    """Within 1e-5 of an independent float64 solver; over Picasso's own photons the 5 %, 50 % and 95 % quantiles that were measured."""
    result, (counts, shapes) = counted(picasso, "mle"), crops_and_shapes(picasso)
    wanted = numpy.array([most_likely(*row) for row in zip(counts, shapes)])
    assert numpy.abs(result.photons / wanted[:, 0] - 1).max() < 1e-5
    assert numpy.abs(result.background_photons / wanted[:, 1] - 1).max() < 1e-4
    assert not result.flags.any()
    quantiles = numpy.quantile(result.photons / picasso[1]["photons"], (0.05, 0.5, 0.95))
    print("mle over Picasso's photons:", quantiles)
    assert numpy.allclose(quantiles, (0.961, 0.983, 0.992), atol=0.002)


def test_every_row_of_picasso_s_movie_has_the_photons_of_least_squares(picasso):
    result, (counts, shapes) = counted(picasso, "joint"), crops_and_shapes(picasso)
    wanted = numpy.array(
        [
            numpy.linalg.lstsq(numpy.stack([shape, numpy.ones(shape.size)], 1), crop, rcond=None)[0]
            for crop, shape in zip(counts, shapes)
        ]
    )
    assert numpy.abs(result.photons / wanted[:, 0] - 1).max() < 1e-5
    median = numpy.median(result.photons / picasso[1]["photons"])
    print("joint over Picasso's photons, median:", median)
    assert abs(median - 0.9895) < 0.002


def test_all_estimators_agree_on_storm_analysis_isolated_molecules(data_folder):
    """Within 1 % in the mean, where no other molecule is within 12 pixels."""
    side = 9
    movie = (
        numpy.fromfile(data_folder / "storm-analysis" / "test.dax", ">u2").reshape(-1, 256, 256).astype(numpy.uint16)
    )
    table = lumicrop.read_table(data_folder / "storm-analysis" / "test_olist.bin")
    x, y, frame = (numpy.asarray(column) for column in (table.x, table.y, table.frame))
    places = numpy.column_stack([x, y, 1000.0 * frame])  # frames far apart
    alone = cKDTree(places).query(places, k=2)[0][:, 1] > 12
    x, y, frame = x[alone], y[alone], frame[alone].astype(int)
    corners = [numpy.floor(at + 0.5).astype(int) - side // 2 for at in (x, y)]
    totals = {}
    for method in ("sum", "filter", "joint", "optimal", "mle"):
        channel = lumicrop.Channel(
            movie,
            method=method,
            pixel_nm=100.0,
            gain=1.0,
            qe=1.0,
            camera_offset=100.0,
            read_noise=1.0,
            psf_sigma_nm=100.0,
            crop_shape=(side, side),
        )
        result = lumicrop.integrate(
            channel,
            frame=frame,
            X0=corners[0],
            Y0=corners[1],
            x_fit=x * 100.0,
            y_fit=y * 100.0,
            os_fit=numpy.full(len(x), 50.0),
            outputs=("photons_total",),
        )
        totals[method] = result.photons_total.mean() / 3141.6
    print(totals)
    assert len(x) == 428
    assert max(totals.values()) - min(totals.values()) < 0.01
    assert all(abs(total - 1) < 0.01 for total in totals.values())
