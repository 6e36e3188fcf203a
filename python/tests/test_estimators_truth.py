"""Estimators against the truth: simulated molecules whose photons are known, 20,000 a row, by a simulator that shares no code with the package.

The seeds stand in the tests' names.
"""

import itertools

import numpy
import pytest
from light_simulator import Camera, molecules, seen_by

import lumicrop

PIXEL = 100.0  # nm
N = 20_000
WANTED = (
    "photons",
    "flags",
    "photons_sigma",
    "background_photons",
    "background_sigma",
    "chi2",
    "enclosed",
    "photons_total",
)
ROWS = [
    (photons, background, sigma)
    for photons, background, sigma in itertools.product((50.0, 1000.0, 50_000.0), (1.0, 10.0, 100.0), (0.8, 1.3, 2.5))
]


def counted(made, method, camera=Camera(), outputs=WANTED, context=None, **channel):
    n = len(made.crops)
    channel = {
        "gain": camera.gain,
        "qe": camera.qe,
        "camera_offset": camera.offset,
        "em_gain": camera.em_gain,
        "read_noise": camera.read_noise,
        "padding": "none",
        "psf_sigma_nm": made.sigma * PIXEL,
    } | channel
    return lumicrop.integrate(
        lumicrop.Channel(made.crops, method=method, pixel_nm=PIXEL, **channel),
        outputs=outputs,
        context=context,
        X0=numpy.zeros(n),
        Y0=numpy.zeros(n),
        x_fit=made.x * PIXEL,
        y_fit=made.y * PIXEL,
        os_fit=numpy.full(n, made.background),
    )


def size_for(sigma):
    return 15 if sigma > 1.8 else 11


def spread_over_error(made, result):
    """Standard deviation of the estimates, in units of the error that is told of each."""
    return numpy.std((result.photons - made.light.sum((1, 2))) / result.photons_sigma)


def cramer_rao(made, camera):
    """Smallest standard deviation of an unbiased estimate of the photons on the crop, with the background unknown: from the Fisher
    information of Poisson counts with read noise (Huang et al. 2013), the noise of rounding to whole counts included."""
    electrons = (made.light + made.background) * camera.qe
    variance = electrons + camera.read_noise**2 + camera.gain**2 / 12
    shape = made.light / made.light.sum((1, 2), keepdims=True)
    of_light, mixed, of_background = (
        (product / variance).sum((1, 2)) for product in (shape**2, shape, numpy.ones_like(shape))
    )
    return numpy.sqrt(of_background / (of_light * of_background - mixed**2)) / camera.qe


@pytest.mark.parametrize(("seed", "row"), list(enumerate(ROWS, start=1)), ids=str)
def test_estimates_are_unbiased_and_their_errors_true(seed, row):
    """Bias at most 0.5 % of the photons or four standard errors of the mean; spread 0.97 to 1.03 of the error told; mle within 2 % of the
    Cramer-Rao bound; chi-square 1 in the mean where the fit weighs the noise, or has nothing to fit but the light."""
    photons, background, sigma = row
    made = molecules(seed, n=N, size=size_for(sigma), photons=photons, background=background, sigma=sigma)
    camera = Camera(read_noise=numpy.hypot(1.0, Camera.gain / 12**0.5))  # rounding is noise, too
    for method in ("filter", "joint", "optimal", "mle"):
        result = counted(made, method, camera)
        bias = result.photons_total.mean() - photons
        assert abs(bias) <= max(0.005 * photons, 4 * result.photons_sigma.mean() / N**0.5), method
        assert 0.97 <= spread_over_error(made, result) <= 1.03, method
        assert numpy.allclose(result.enclosed, made.enclosed, atol=2e-6)
        if method != "joint":  # an unweighted fit's background misses by more than the dark pixels vary
            assert abs(result.chi2.mean() - 1) < 0.02
        assert not (result.flags & ~numpy.uint32(lumicrop.Flag.NOT_CONVERGED)).any()
        assert (result.flags != 0).mean() < 0.001
        if method == "mle":
            spread = numpy.std((result.photons - made.light.sum((1, 2))) / cramer_rao(made, Camera()))
            # The spread itself is known to 1 / sqrt(2 N) = 0.5 %.
            assert spread <= 1.02 + 0.01
            background_pull = (result.background_photons - background) / result.background_sigma
            assert 0.97 <= background_pull.std() <= 1.03


@pytest.mark.cuda
@pytest.mark.parametrize(("seed", "row"), list(enumerate(ROWS, start=201)), ids=str)
def test_what_is_true_of_the_cpu_is_true_of_a_gpu(seed, row):
    """200 molecules of every row, one by one: photons within 0.002 of their error, errors within 1e-4 of themselves."""
    photons, background, sigma = row
    made = molecules(seed, n=200, size=size_for(sigma), photons=photons, background=background, sigma=sigma)
    for method in ("sum", "filter", "joint", "optimal", "mle"):
        results = []
        for backend in ("cpu", "cuda"):
            with lumicrop.Context(backend) as context:
                results.append(counted(made, method, Camera(read_noise=1.0), context=context))
        ours, theirs = results
        settled = ((ours.flags | theirs.flags) & lumicrop.Flag.NOT_CONVERGED) == 0
        assert settled.mean() > 0.98
        for of, scale in (("photons", "photons_sigma"), ("background_photons", "background_sigma")):
            difference = getattr(ours, of) - getattr(theirs, of)
            allowed = 2e-3 * getattr(theirs, scale) + 1e-6 * abs(getattr(theirs, of))
            assert (abs(difference) <= allowed)[settled].all(), (method, of)
            assert numpy.allclose(getattr(ours, scale)[settled], getattr(theirs, scale)[settled], rtol=1e-4), (
                method,
                scale,
            )
        assert numpy.allclose(ours.chi2[settled], theirs.chi2[settled], rtol=1e-3, equal_nan=True), method


@pytest.mark.parametrize(
    ("seed", "photons", "background"), [(101, 1000.0, 10.0), (102, 1000.0, 20.0), (103, 200.0, 100.0)]
)
def test_the_error_of_a_border_median_sum_is_true(seed, photons, background):
    made = molecules(seed, photons=photons, background=background)
    result = counted(made, "sum", Camera(read_noise=numpy.hypot(1.0, Camera.gain / 12**0.5)))
    assert 0.95 <= spread_over_error(made, result) <= 1.06


@pytest.mark.parametrize(
    ("seed", "photons", "background", "camera"),
    [
        (111, 1000.0, 20.0, Camera(gain=1.0, qe=1.0, read_noise=0.2)),
        (112, 200.0, 10.0, Camera(gain=1.0, qe=1.0, read_noise=0.2)),
        (113, 1000.0, 20.0, Camera(gain=5.0, qe=1.0, read_noise=30.0, em_gain=100.0)),
        (114, 200.0, 10.0, Camera(gain=5.0, qe=1.0, read_noise=30.0, em_gain=100.0)),
    ],
    ids=str,
)
def test_the_corrected_median_takes_the_bias_off_a_sum(seed, photons, background, camera):
    """The median of counted light lies below its mean; a sum multiplies that by the area."""
    made = molecules(seed, photons=photons, background=background, camera=camera)
    plain, corrected = (counted(made, "sum", camera, background=kind) for kind in (None, "corrected_median"))

    def bias(result):
        return result.photons_total.mean() - photons

    assert abs(bias(corrected)) <= max(0.005 * photons, 4 * corrected.photons_sigma.mean() / N**0.5)
    assert bias(plain) > 0.01 * photons  # what is corrected


@pytest.mark.parametrize(
    ("seed", "photons", "background"), [(121, 200.0, 3.0), (122, 1000.0, 10.0), (123, 5000.0, 30.0)]
)
def test_em_gain_is_no_bias_and_doubles_the_variance(seed, photons, background):
    camera = Camera(gain=10.0, read_noise=20.0, em_gain=300.0)
    made = molecules(seed, photons=photons, background=background, camera=camera)
    for method in ("filter", "joint", "optimal", "mle"):
        result = counted(made, method, camera)
        assert abs(result.photons_total.mean() - photons) <= max(
            0.01 * photons, 4 * result.photons_sigma.mean() / N**0.5
        )
        assert 0.95 <= spread_over_error(made, result) <= 1.05


def test_maps_of_a_scmos_camera_make_hot_pixels_harmless():
    """Variances up to 1000 e^2 on a few pixels, offsets and gains of their own: unbiased with the maps, seed 131; without them the spread is
    larger, the errors told are too small, and offsets that are not taken off are a bias."""
    rng = numpy.random.default_rng(131)
    side, n, photons, background = 11, N, 500.0, 10.0
    frame = 128
    variance = numpy.where(rng.uniform(size=(frame, frame)) < 0.05, rng.uniform(100, 1000, (frame, frame)), 2.0)
    gain = 0.5 * rng.normal(1, 0.02, (frame, frame))
    offset = 100 + rng.normal(0, 2, (frame, frame)) + numpy.where(variance > 50, 20.0, 0.0)
    at = rng.integers(0, frame - side, (2, n))
    made = molecules(132, n=n, photons=photons, background=background)
    window = numpy.arange(side)
    rows, columns = at[0][:, None, None] + window[:, None], at[1][:, None, None] + window
    of_crop = Camera(gain=1.0, offset=0.0, whole_counts=False)
    electrons = seen_by(of_crop, made.light + background, rng, read_variance=variance[rows, columns])
    crops = (electrons / gain[rows, columns] + offset[rows, columns]).astype(numpy.float32)

    def count(**maps):
        channel = lumicrop.Channel(
            crops, method="mle", pixel_nm=PIXEL, qe=of_crop.qe, psf_sigma_nm=130.0, padding="none", **maps
        )
        return lumicrop.integrate(
            channel, X0=at[1], Y0=at[0], x_fit=(made.x + at[1]) * PIXEL, y_fit=(made.y + at[0]) * PIXEL, outputs=WANTED
        )

    with_maps = count(offset_map=offset, gain_map=gain, read_variance_map=variance)
    without = count(gain=0.5, camera_offset=100.0, read_noise=2.0**0.5)

    def bias(result):
        return result.photons_total.mean() / photons - 1

    print(f"bias with maps {bias(with_maps):+.4f}, without {bias(without):+.4f}")
    assert abs(bias(with_maps)) <= 0.005
    assert 0.97 <= spread_over_error(made, with_maps) <= 1.03
    spread = [numpy.std(result.photons - made.light.sum((1, 2))) for result in (with_maps, without)]
    assert spread[1] > 1.3 * spread[0]
    assert spread_over_error(made, without) > 1.3


def test_masked_pixels_are_made_up_for_by_the_psf():
    """A twentieth of the pixels masked, seed 141: estimates stay those of the whole molecule, and their errors true."""
    rng = numpy.random.default_rng(141)
    frame = 64
    bad = rng.uniform(size=(frame, frame)) < 0.05
    made = molecules(142, photons=2000.0)
    at = rng.integers(0, frame - 11, (2, N))
    window = numpy.arange(11)
    masked = bad[at[0][:, None, None] + window[:, None], at[1][:, None, None] + window]
    crops = numpy.where(masked, 60_000, made.crops).astype(numpy.float32)
    camera = Camera(read_noise=numpy.hypot(1.0, Camera.gain / 12**0.5))
    for method in ("filter", "joint", "mle"):
        channel = lumicrop.Channel(
            crops,
            method=method,
            pixel_nm=PIXEL,
            qe=camera.qe,
            gain=camera.gain,
            camera_offset=camera.offset,
            read_noise=camera.read_noise,
            psf_sigma_nm=130.0,
            padding="none",
            bad_pixels=bad,
        )
        result = lumicrop.integrate(
            channel,
            X0=at[1],
            Y0=at[0],
            x_fit=(made.x + at[1]) * PIXEL,
            y_fit=(made.y + at[0]) * PIXEL,
            os_fit=numpy.full(N, made.background),
            outputs=WANTED,
        )
        assert abs(result.photons_total.mean() - 2000) <= 10
        assert 0.97 <= spread_over_error(made, result) <= 1.03
        assert (((result.flags & lumicrop.Flag.MASKED) != 0) == masked.any((1, 2))).all()
