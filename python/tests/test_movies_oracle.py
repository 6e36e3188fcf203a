"""What the seed gave on movies that others published, and on a made-up one with detections at and beyond its edges."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

import lumicrop
import oracle
from oracle import assert_agrees, assert_seed_agrees

MOVIES = ("picasso", "storm_analysis", "edges_9", "edges_8")
COLUMNS = ("x_fit", "y_fit", "os_fit", "sigma_fit", "sigma_x_fit", "sigma_y_fit")


@dataclass(frozen=True)
class Case:
    """A movie, its detections, and what the seed gave of them."""

    movie: np.ndarray
    arrays: dict

    def __getattr__(self, name):
        return self.arrays[name]

    @property
    def columns(self):
        return {name: self.arrays[name] for name in COLUMNS if name in self.arrays}

    @property
    def model(self):
        return "isogauss" if "sigma_fit" in self.arrays else "gauss"

    def cut(self):
        """Crops with zeros outside the frame, and which of their pixels lie inside it."""
        size, (_, height, width) = int(self.size), self.movie.shape
        rows, columns = self.Y0[:, None] + np.arange(size), self.X0[:, None] + np.arange(size)
        inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
        crops = self.movie[
            self.frame[:, None, None], rows.clip(0, height - 1)[:, :, None], columns.clip(0, width - 1)[:, None, :]
        ]
        return np.where(inside, crops, 0).astype(self.movie.dtype), inside

    def channel(self, images, method, **changes):
        return lumicrop.Channel(
            images,
            method=method,
            model=self.model,
            pixel_nm=float(self.pixel_nm),
            gain=float(self.gain),
            qe=1.0,
            camera_offset=float(self.camera_offset),
            **changes,
        )

    def expected(self, method, padding):
        """By the formulas, under a padding rule; "zeros" of the sum knows the raw zeros."""
        crops, inside = self.cut()
        masks = {"geometry": ~inside, "none": np.zeros_like(inside), "zeros": None}[padding]
        return oracle.channel(
            crops,
            method=method,
            model=self.model,
            pixel=(float(self.pixel_nm),) * 2,
            scale=float(self.gain),
            offset=float(self.camera_offset),
            padding=masks,
            pixels=inside if method == "filter" and padding == "geometry" else None,
            X0=self.X0,
            Y0=self.Y0,
            **self.columns,
        )


@cache
def load(name, data_folder, oracle_folder):
    with np.load(oracle_folder / "movies" / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    if name == "picasso":
        movie = np.fromfile(data_folder / "picasso" / "testdata.raw", "<u2").reshape(-1, 32, 32)
    elif name == "storm_analysis":  # big-endian: converted by the library's binding
        movie = np.fromfile(data_folder / "storm-analysis" / "test.dax", ">u2").reshape(-1, 256, 256)
    else:
        movie = arrays["movie"]
    return Case(movie, arrays)


@pytest.fixture(params=MOVIES)
def case(request, data_folder, oracle_folder):
    return load(request.param, data_folder, oracle_folder)


def test_the_folder_holds_these_movies_and_no_others(oracle_folder):
    assert sorted(MOVIES) == sorted(path.stem for path in (oracle_folder / "movies").glob("*.npz"))


@pytest.mark.parametrize("method", ["sum", "filter"])
@pytest.mark.parametrize("padding", ["zeros", "geometry", "none"])
def test_gathered_crops(case, method, padding):
    size = int(case.size)
    result = lumicrop.integrate(
        case.channel(case.movie, method, crop_shape=(size, size), padding=padding),
        frame=case.frame,
        X0=case.X0,
        Y0=case.Y0,
        **case.columns,
    )
    expected = case.expected(method, padding)
    for name in ("photons", "background") if method == "sum" else ("photons", "background", "psf_sum", "denominator"):
        assert_agrees(getattr(result, name), expected, name)
    truncated = (result.flags & lumicrop.Flag.TRUNCATED) != 0
    if method == "filter" or padding == "geometry":
        np.testing.assert_array_equal(truncated, ~case.inside)
    if method == "sum" and padding != "none":
        assert_seed_agrees(case.out_sum, expected, "photons")
        assert_seed_agrees(case.out_sum_border_median, expected, "background")
    if method == "filter" and padding != "geometry":
        assert_seed_agrees(case.out_filter, expected, "photons", relative=oracle.SINGLE)  # its positions are float32


@pytest.mark.parametrize("padding", ["zeros", "geometry", "none"])
@pytest.mark.parametrize("method", ["sum", "filter"])
def test_given_crops_have_the_bits_of_gathered_ones(case, method, padding):
    size = int(case.size)
    crops, _ = case.cut()
    columns = {"X0": case.X0, "Y0": case.Y0, **case.columns}
    gathered = lumicrop.integrate(
        case.channel(case.movie, method, crop_shape=(size, size), padding=padding), frame=case.frame, **columns
    )
    given = lumicrop.integrate(case.channel(crops, method, padding=padding, frame_shape=case.movie.shape[1:]), **columns)
    for name in ("photons", "background", "psf_sum", "denominator"):
        np.testing.assert_array_equal(getattr(given, name), getattr(gathered, name), err_msg=name)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_drop_in(case, weighted):
    """The seed was given float32 crops with the camera's offset taken off, and zeros outside the frame."""
    crops, inside = case.cut()
    crops = np.where(inside, crops.astype(np.float32) - np.float32(case.camera_offset), 0).astype(np.float32)
    columns = {"channels_fit_models": case.model, **case.columns}
    photons, info = lumicrop.integrate_crop(
        [crops],
        case.X0,
        case.Y0,
        channels_weighted_integrations=weighted,
        channels_pixels_nm=float(case.pixel_nm),
        channels_gains=float(case.gain),
        **columns,
    )
    expected = oracle.channel(
        crops,
        method="filter" if weighted else "sum",
        model=case.model,
        pixel=(float(case.pixel_nm),) * 2,
        scale=float(case.gain),
        X0=case.X0,
        Y0=case.Y0,
        **case.columns,
    )
    assert_agrees(photons, expected, "photons")
    assert_agrees(info["background_vector"], expected, "background")
    assert_seed_agrees(case.out_filter if weighted else case.out_sum, expected, "photons", relative=oracle.SINGLE)
    if not weighted:
        np.testing.assert_array_equal(info["border_medians"][0], case.out_sum_border_median)
