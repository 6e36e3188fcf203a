"""Backgrounds on an annulus against NumPy on the same frames, pixel by pixel, and what they are for: crowded fields."""

import numpy
import pytest

import lumicrop

PIXEL_Y, PIXEL_X = 100.0, 130.0  # nm
HEIGHT, WIDTH, FRAMES = 60, 70, 3
N = 90
INNER, OUTER = 3.5, 6.25
KINDS = ("annulus_median", "annulus_mean", "annulus_clipped")


class Field:
    """Molecules at any place of a few frames, in no order, on an uneven ground."""

    def __init__(self, seed=1, dtype="u2"):
        rng = numpy.random.default_rng(seed)
        self.movie = rng.poisson(60 + numpy.linspace(0, 40, WIDTH), (FRAMES, HEIGHT, WIDTH)).astype(dtype)
        self.frame = rng.integers(0, FRAMES, N)
        self.x, self.y = rng.uniform(-0.4, WIDTH - 0.6, N), rng.uniform(-0.4, HEIGHT - 0.6, N)
        for t, x, y in zip(self.frame, self.x, self.y, strict=True):
            self.movie[t, int(y + 0.5) % HEIGHT, int(x + 0.5) % WIDTH] += 500

    @property
    def columns(self):
        return {
            "frame": self.frame,
            "X0": numpy.floor(self.x + 0.5).astype("i4") - 3,
            "Y0": numpy.floor(self.y + 0.5).astype("i4") - 3,
            "x_fit": self.x * PIXEL_X,
            "y_fit": self.y * PIXEL_Y,
        }

    def counted(self, kind, outputs=("photons", "background", "background_pixels", "flags"), **channel):
        settings = {"method": "sum", "crop_shape": (7, 7), "annulus_inner_px": INNER, "annulus_outer_px": OUTER}
        camera = {"pixel_nm": (PIXEL_Y, PIXEL_X), "gain": 0.5, "qe": 0.8, "camera_offset": 20.0}
        given = lumicrop.Channel(self.movie, background=kind, **settings | camera | channel)
        return lumicrop.integrate(given, outputs=outputs, **self.columns)

    def ring(self, i, radius=INNER, masked=None):
        """Counts of the ring of a detection."""
        rows, columns = numpy.mgrid[:HEIGHT, :WIDTH]
        away = numpy.hypot(rows - self.y[i], columns - self.x[i])
        counts = (away >= INNER) & (away < OUTER)
        if masked is not None:
            counts &= ~masked
        for k in numpy.flatnonzero(self.frame == self.frame[i]):
            if k != i:
                counts &= numpy.hypot(rows - self.y[k], columns - self.x[k]) >= radius
        return self.movie[self.frame[i]][counts].astype(float)


def statistic(kind, values):
    if kind == "annulus_median":
        return numpy.median(values), len(values) / (numpy.pi / 2)
    if kind == "annulus_clipped":
        for _ in range(5):
            kept = values[abs(values - numpy.median(values)) <= 3 * values.std()]
            if len(kept) == len(values):
                break
            values = kept
    return values.mean(), len(values)


@pytest.mark.parametrize("dtype", ["u2", "f4", "i4", "f8"])
@pytest.mark.parametrize("kind", KINDS)
def test_numpy_finds_the_same_background(kind, dtype):
    field = Field(dtype=dtype)
    for radius in (None, 0.0, 2.0, 9.0):
        result = field.counted(kind, neighbour_radius_px=radius)
        empty = 0
        for i in range(N):
            values = field.ring(i, INNER if radius is None else radius)
            if not len(values):
                empty += 1
                assert numpy.isnan(result.photons[i]) and numpy.isnan(result.background[i])
                assert result.flags[i] & lumicrop.Flag.NO_BORDER and not result.flags[i] & lumicrop.Flag.PARAMETER_NAN
                continue
            level, pixels = statistic(kind, values)
            assert result.background[i] == pytest.approx(level - 20, rel=1e-12)
            assert result.background_pixels[i] == pytest.approx(pixels, rel=1e-12)
        assert (empty > 0) == (radius == 9.0)


@pytest.mark.parametrize("kind", KINDS)
def test_masked_pixels_are_no_background(kind):
    field = Field(2)
    bad = numpy.random.default_rng(3).random((HEIGHT, WIDTH)) < 0.3
    field.movie[:, bad] += 20_000
    result = field.counted(kind, bad_pixels=bad)
    for i in range(N):
        values = field.ring(i, masked=bad)
        if len(values):
            assert result.background[i] == pytest.approx(statistic(kind, values)[0] - 20, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["sum", "aperture", "filter", "optimal", "mle"])
def test_a_given_background_of_that_level_counts_the_same(method, kind):
    field = Field(4, "f8")
    how = {"method": method, "psf_sigma_nm": 120.0, "aperture_px": 2.5}
    result = field.counted(kind, outputs=("photons", "background_photons", "flags"), **how)
    known = ~numpy.isnan(result.photons)
    assert known.sum() > N / 2
    columns = field.columns | {"os_fit": result.background_photons}
    camera = {"pixel_nm": (PIXEL_Y, PIXEL_X), "gain": 0.5, "qe": 0.8, "camera_offset": 20.0}
    channel = lumicrop.Channel(field.movie, crop_shape=(7, 7), background="column", **how | camera)
    given = lumicrop.integrate(channel, **columns)
    assert numpy.allclose(result.photons[known], given.photons[known], rtol=1e-9, atol=1e-7)


def test_crops_that_are_given_have_rings_of_their_own_pixels():
    field = Field(5)
    inside = (abs(field.x - WIDTH / 2) < WIDTH / 2 - 9) & (abs(field.y - HEIGHT / 2) < HEIGHT / 2 - 9)
    rows = numpy.flatnonzero(inside)
    X0, Y0 = (numpy.floor(at[rows] + 0.5).astype("i4") - 8 for at in (field.x, field.y))
    crops = numpy.stack([field.movie[t, y : y + 17, x : x + 17] for t, x, y in zip(field.frame[rows], X0, Y0, strict=True)])
    columns = {"x_fit": field.x[rows] * PIXEL_X, "y_fit": field.y[rows] * PIXEL_Y, "X0": X0, "Y0": Y0}
    settings = {"method": "sum", "background": "annulus_mean", "annulus_inner_px": INNER, "annulus_outer_px": OUTER}
    camera = {"pixel_nm": (PIXEL_Y, PIXEL_X), "gain": 0.5, "qe": 0.8, "camera_offset": 20.0, "padding": "none"}
    alone = lumicrop.integrate(lumicrop.Channel(crops, neighbour_radius_px=0, **settings | camera), **columns)
    of_frames = field.counted("annulus_mean", neighbour_radius_px=0)
    assert numpy.array_equal(alone.background, of_frames.background[rows])
    with pytest.raises(lumicrop.InvalidArgument, match="frame is required for the neighbours of an annulus"):
        lumicrop.integrate(lumicrop.Channel(crops, **settings | camera), **columns)
    near = lumicrop.integrate(lumicrop.Channel(crops, **settings | camera), frame=field.frame[rows], **columns)
    only_these = Field(5)
    only_these.frame, only_these.x, only_these.y = field.frame[rows], field.x[rows], field.y[rows]
    assert numpy.array_equal(near.background, only_these.counted("annulus_mean").background, equal_nan=True)


@pytest.mark.parametrize("order", ["reversed", "shuffled"])
def test_the_order_of_detections_changes_no_bit(order):
    field = Field(6)
    expected = field.counted("annulus_clipped")
    rows = numpy.arange(N)[::-1] if order == "reversed" else numpy.random.default_rng(7).permutation(N)
    field.frame, field.x, field.y = field.frame[rows], field.x[rows], field.y[rows]
    found = field.counted("annulus_clipped")
    for name in ("photons", "background", "background_pixels", "flags"):
        assert numpy.array_equal(getattr(found, name), getattr(expected, name)[rows], equal_nan=name != "flags")


def test_mistakes_are_named():
    field = Field(8)
    for given, error in (
        ({"annulus_inner_px": None}, "annulus_inner_px is nan, a radius of 0 or more pixels expected"),
        ({"annulus_outer_px": 3.5}, "annulus_outer_px is 3.5, a radius above annulus_inner_px, 3.5 pixels, expected"),
        ({"annulus_outer_px": 30.5}, "annulus_outer_px is 30.5, an annulus larger than the frame, which has 60 x 70 pixels"),
        ({"neighbour_radius_px": -1.0}, "neighbour_radius_px is -1, a radius of 0 .none. to 100 pixels expected"),
    ):
        with pytest.raises(lumicrop.InvalidArgument, match=error):
            field.counted("annulus_mean", **given)


@pytest.mark.cuda
@pytest.mark.parametrize("kind", KINDS)
def test_both_backends_find_the_same(kind):
    field = Field(9)
    outputs = ("photons", "background", "photons_sigma", "background_pixels", "flags")
    results = []
    for backend in ("cpu", "cuda"):
        with lumicrop.Context(backend=backend) as context:
            channel = lumicrop.Channel(
                field.movie, method="mle", background=kind, crop_shape=(7, 7), pixel_nm=(PIXEL_Y, PIXEL_X), gain=0.5, qe=0.8,
                camera_offset=20.0, psf_sigma_nm=120.0, annulus_inner_px=INNER, annulus_outer_px=OUTER,
            )  # fmt: skip
            results.append(lumicrop.integrate(channel, outputs=outputs, context=context, **field.columns))
    for name in outputs:
        ours, theirs = (getattr(result, name) for result in results)
        assert numpy.allclose(ours, theirs, rtol=2e-5, atol=1e-3, equal_nan=True), name
