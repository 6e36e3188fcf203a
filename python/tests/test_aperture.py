"""Apertures against photutils and sep on the same crops, and their errors against simulated molecules."""

import numpy
import pytest
from light_simulator import Camera, molecules

import lumicrop

PIXEL_Y, PIXEL_X = 100.0, 130.0  # nm
SIDE = 17
N = 60
APERTURES = [  # semi-axes [px], angle [degrees]
    (3.0, None, 0.0),
    (0.4, None, 0.0),
    (6.5, None, 33.0),
    (5.0, 2.0, 0.0),
    (5.0, 2.0, 90.0),
    (2.0, 5.0, 0.0),
    (4.2, 1.1, 30.0),
    (4.2, 1.1, -75.0),
    (1.3, 6.0, 140.0),
]


def crops_of(dtype, seed):
    """Molecules over an uneven ground, well off the edges, with their positions in pixels of the crop."""
    rng = numpy.random.default_rng(seed)
    x, y = 8 + rng.uniform(-1.2, 1.2, (2, N))
    row, column = numpy.mgrid[:SIDE, :SIDE]
    distance = (column - x[:, None, None]) ** 2 + 2 * (row - y[:, None, None]) ** 2 + (column - 8) * (row - 8)
    counts = 300 + 4000 * numpy.exp(-distance / 9) + rng.normal(0, 30, (N, SIDE, SIDE))
    return (counts if dtype == numpy.float64 else numpy.rint(counts)).astype(dtype), x, y


def counted(crops, x, y, background, aperture, **channel):
    semi_x, semi_y, theta = aperture
    n = len(crops)
    return lumicrop.integrate(
        lumicrop.Channel(
            crops,
            method="aperture",
            aperture_px=semi_x,
            aperture_y_px=semi_y,
            aperture_theta_deg=theta,
            background="column",
            padding="none",
            pixel_nm=(PIXEL_Y, PIXEL_X),
            gain=1.0,
            qe=1.0,
            **channel,
        ),
        outputs=("photons", "flags", "photons_sigma", "background_photons"),
        X0=numpy.zeros(n),
        Y0=numpy.zeros(n),
        x_fit=x * PIXEL_X,
        y_fit=y * PIXEL_Y,
        os_fit=numpy.full(n, background),
    )


def magnitudes(crops, background):
    """What roundings of a sum are measured by: the pixels' sizes above the background."""
    return numpy.abs(crops.astype(float) - background).sum((1, 2))


def tolerance(dtype):
    """Float32 and float64 paths: so much of each pixel (SPEC 7). uint16 is computed in float32."""
    return 1e-13 if dtype == numpy.float64 else 4e-6


@pytest.mark.parametrize("dtype", [numpy.float64, numpy.uint16])
@pytest.mark.parametrize("aperture", APERTURES, ids=str)
def test_photutils_counts_the_same(aperture, dtype):
    photutils = pytest.importorskip("photutils.aperture")
    crops, x, y = crops_of(dtype, seed=1)
    semi_x, semi_y, theta = aperture
    background = 287.5
    result = counted(crops, x, y, background, aperture)
    expected = []
    for crop, x_of, y_of in zip(crops, x, y, strict=True):
        if semi_y is None:
            shape = photutils.CircularAperture((x_of, y_of), semi_x)
        else:  # theta turns the long axis from x towards y; ours turns the pixels, and so the ellipse the other way
            a, b, turn = (semi_x, semi_y, -theta) if semi_x >= semi_y else (semi_y, semi_x, 90 - theta)
            shape = photutils.EllipticalAperture((x_of, y_of), a, b, theta=numpy.deg2rad(turn))
        total, _ = shape.do_photometry(crop.astype(float) - background, method="exact")
        expected.append(total[0])
    scale = magnitudes(crops, background)
    deviation = numpy.abs(result.photons - expected) / scale
    print(f"{aperture} {dtype.__name__}: largest deviation {deviation.max():.1e} of the pixels' sum")
    assert deviation.max() <= tolerance(dtype)
    assert numpy.allclose(result.photons, expected, rtol=1e-5)
    assert not result.flags.any()


@pytest.mark.parametrize("dtype", [numpy.float64, numpy.uint16])
@pytest.mark.parametrize("aperture", APERTURES, ids=str)
def test_sep_counts_the_same(aperture, dtype):
    """sep.sum_circle and sep.sum_ellipse with subpix=0, which is exact."""
    sep = pytest.importorskip("sep")
    crops, x, y = crops_of(dtype, seed=2)
    semi_x, semi_y, theta = aperture
    background = 287.5
    result = counted(crops, x, y, background, aperture)
    expected = []
    for crop, x_of, y_of in zip(crops, x, y, strict=True):
        above = crop.astype(float) - background
        if semi_y is None:
            total, _, flag = sep.sum_circle(above, [x_of], [y_of], semi_x, subpix=0)
        else:  # angles of -90 to 90 degrees
            a, b, turn = (semi_x, semi_y, -theta) if semi_x >= semi_y else (semi_y, semi_x, 90 - theta)
            turn = (turn + 90) % 180 - 90
            total, _, flag = sep.sum_ellipse(above, [x_of], [y_of], a, b, numpy.deg2rad(turn), r=1.0, subpix=0)
        assert flag == 0
        expected.append(total[0])
    deviation = numpy.abs(result.photons - expected) / magnitudes(crops, background)
    print(f"{aperture} {dtype.__name__}: largest deviation {deviation.max():.1e} of the pixels' sum")
    assert numpy.allclose(result.photons, expected, rtol=1e-5)
    assert deviation.max() <= max(tolerance(dtype), 2.0**-24)  # sep rounds every pixel to float32


def test_a_circle_is_an_ellipse_of_equal_axes():
    crops, x, y = crops_of(numpy.float64, seed=3)
    circle = counted(crops, x, y, 300.0, (3.3, None, 0.0))
    ellipse = counted(crops, x, y, 300.0, (3.3, 3.3, 0.0))
    assert numpy.array_equal(circle.photons, ellipse.photons)
    assert numpy.array_equal(circle.photons_sigma, ellipse.photons_sigma)


def test_even_light_gives_the_area():
    crops = numpy.full((N, SIDE, SIDE), 7.0)
    _, x, y = crops_of(numpy.float64, seed=4)
    for semi_x, semi_y, theta in APERTURES:
        result = counted(crops, x, y, 3.0, (semi_x, semi_y, theta))
        area = numpy.pi * semi_x * (semi_x if semi_y is None else semi_y)
        assert numpy.allclose(result.photons, 4 * area, rtol=1e-12)
        assert (result.background_photons == 3.0).all()


def test_the_error_of_a_known_background_is_that_of_the_light():
    """sum w^2 (counts + read variance): one electron a count, nothing multiplied."""
    crops, x, y = crops_of(numpy.float64, seed=5)
    photutils = pytest.importorskip("photutils.aperture")
    result = counted(crops, x, y, 290.0, (3.7, None, 0.0), read_noise=2.0)
    weights = numpy.stack(
        [
            photutils.CircularAperture((x_of, y_of), 3.7).to_mask(method="exact").to_image((SIDE, SIDE))
            for x_of, y_of in zip(x, y, strict=True)
        ]
    )
    variance = (weights**2 * (crops + 4.0)).sum((1, 2))
    assert numpy.allclose(result.photons_sigma, numpy.sqrt(variance), rtol=1e-12)


@pytest.mark.parametrize(
    ("seed", "photons", "background", "aperture", "kind"),
    [
        (201, 1000.0, 10.0, (3.0, None, 0.0), "column"),
        (202, 1000.0, 10.0, (3.0, None, 0.0), "border_median"),
        (203, 200.0, 20.0, (2.2, None, 0.0), "border_median"),
        (204, 5000.0, 10.0, (4.0, 2.5, 30.0), "border_median"),
        (205, 1000.0, 100.0, (3.5, 2.0, -60.0), "column"),
        (206, 1000.0, 50.0, (5.5, None, 0.0), "border_median"),  # shares pixels with the border
        (207, 1000.0, 30.0, (2.6, None, 0.0), "corrected_median"),
    ],
    ids=str,
)
def test_errors_are_true(seed, photons, background, aperture, kind):
    """Spread 0.95 to 1.06 of the error told, as for the border-median sum: medians of whole counts are not quite
    normal. The light within each aperture differs with the position, and is known."""
    print(f"seed {seed}")
    n = 20_000
    camera = Camera(read_noise=numpy.hypot(1.0, Camera.gain / 12**0.5))  # rounding is noise, too
    made = molecules(seed, n=n, size=11, photons=photons, background=background)
    semi_x, semi_y, theta = aperture
    columns = {
        "X0": numpy.zeros(n),
        "Y0": numpy.zeros(n),
        "x_fit": made.x * 100.0,
        "y_fit": made.y * 100.0,
        "os_fit": numpy.full(n, background),
    }
    settings = {
        "method": "aperture",
        "aperture_px": semi_x,
        "aperture_y_px": semi_y,
        "aperture_theta_deg": theta,
        "pixel_nm": 100.0,
        "qe": camera.qe,
        "padding": "none",
        "psf_sigma_nm": made.sigma * 100.0,
    }
    result = lumicrop.integrate(
        lumicrop.Channel(
            made.crops,
            gain=camera.gain,
            camera_offset=camera.offset,
            read_noise=camera.read_noise,
            background=kind,
            **settings,
        ),
        outputs=("photons", "photons_sigma", "photons_total", "enclosed", "flags"),
        **columns,
    )
    # What the aperture has of the light alone, without noise or ground: another count of the same sum of parts.
    truth = lumicrop.integrate(
        lumicrop.Channel(made.light, gain=settings["qe"], background="column", **settings),
        outputs=("photons", "enclosed"),
        **(columns | {"os_fit": numpy.zeros(n)}),
    )
    pull = (result.photons - truth.photons) / result.photons_sigma
    print(f"spread {pull.std():.3f}, mean {pull.mean():+.3f} of the error told")
    assert 0.95 <= pull.std() <= 1.06
    if kind != "border_median":  # whose bias is known: the median of counted light lies below its mean
        assert abs(pull.mean()) < 0.05
    # The pixels' light by the simulator over all of it is the fraction told.
    assert numpy.allclose(result.enclosed, truth.photons / photons, atol=1e-5)
    assert numpy.allclose(result.photons_total, result.photons / result.enclosed, rtol=1e-6)
    cut_short = (result.flags & lumicrop.Flag.TRUNCATED) != 0
    assert cut_short.any() == (semi_x > 5)
    assert not (result.flags & ~numpy.uint32(lumicrop.Flag.TRUNCATED)).any()
