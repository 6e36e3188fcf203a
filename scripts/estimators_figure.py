"""Draw docs/images/estimators.png and print the tables of docs/estimators.md: estimators on simulated molecules, and on measured beads.

    python scripts/estimators_figure.py [--beads Beads-AS-Exp.tif] [--output FILE.png]

Simulated: pixel-integrated Gaussians of 1.3 px (sigma) at uniform places within a pixel, on 10 and 50 photons a pixel, Poisson noise
(seed 7), crops of 11 x 11; without the beads' movie (six beads in focus and out of it, EPFL) that panel stays empty.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.interpolate import make_interp_spline
from scipy.optimize import least_squares
from scipy.special import erf

import lumicrop

SIGMA, SIDE, N = 1.3, 11, 20000
PHOTONS = (100, 300, 1000, 3000, 10000, 30000)
COLOURS = {
    "sum": "#8c8c8c",
    "aperture": "#d9822b",
    "filter": "#5aa469",
    "joint": "#1f5fa8",
    "optimal": "#8e63b0",
    "mle": "#c0392b",
}
BEADS = ((19, 25), (27, 93), (61, 123), (70, 43), (110, 91), (119, 29))  # row, column
FOCUS, PIXEL = 75, 100.0


def gaussian(x, y, sigma, side=SIDE):
    """Fractions of a Gaussian's light on the pixels of crops, shape (len(x), side, side)."""
    edges = numpy.arange(side + 1) - 0.5

    def along(centre):
        return numpy.diff(erf((edges - numpy.asarray(centre)[:, None]) / (numpy.sqrt(2) * numpy.asarray(sigma)))) / 2

    return along(y)[:, :, None] * along(x)[:, None, :]


def counted(crops, x, y, sigma, outputs=("photons",), **channel):
    """What lumicrop makes of crops whose first pixel is the frame's."""
    nothing = numpy.zeros(len(crops))
    options = {"pixel_nm": PIXEL, "gain": 1.0, "qe": 1.0, "padding": "none", "psf_sigma_nm": PIXEL * sigma} | channel
    known = options.pop("known", nothing)
    extra = {"z_fit": options.pop("z_fit")} if "z_fit" in options else {}
    return lumicrop.integrate(
        lumicrop.Channel(crops, **options), X0=nothing, Y0=nothing, x_fit=PIXEL * x, y_fit=PIXEL * y, os_fit=known, outputs=outputs, **extra
    )  # fmt: skip


def simulated(background: float):
    """Spread and bias of each estimator's `photons_total`, in parts of the true photons, and the bound that none can beat."""
    random = numpy.random.default_rng(7)
    x, y = (SIDE // 2 + random.uniform(-0.5, 0.5, N) for _ in range(2))
    psf = gaussian(x, y, SIGMA)
    known = numpy.full(N, background)
    ways = {
        "sum": {"method": "sum"},
        "sum, corrected": {"method": "sum", "background": "corrected_median"},
        "aperture": {"method": "aperture", "aperture_px": 3 * SIGMA, "background": "corrected_median"},
        "filter": {"method": "filter", "known": known},
        "joint": {"method": "joint"},
        "optimal": {"method": "optimal"},
        "mle": {"method": "mle"},
    }
    found = {name: [] for name in ways}
    bounds = []
    for photons in PHOTONS:
        mean = photons * psf + background
        crops = random.poisson(mean).astype(numpy.float32)
        for name, way in ways.items():
            total = counted(crops, x, y, SIGMA, ("photons_total",), **way).photons_total / photons
            found[name].append((total.std(), total.mean() - 1, total.std() / numpy.sqrt(N)))
        information = [(a / mean).sum((1, 2)) for a in (psf * psf, psf, numpy.ones_like(psf))]
        variance = information[2] / (information[0] * information[2] - information[1] ** 2)
        bounds.append(numpy.sqrt(variance.mean()) / photons)
    return {name: numpy.array(rows) for name, rows in found.items()}, numpy.array(bounds)


def bead_crops(movie, plane: int, half: int):
    return numpy.stack([movie[plane, r - half : r + half + 1, c - half : c + half + 1] for r, c in BEADS]).astype(float)


def fitted_gaussian(crop):
    """x, y, sigma of the Gaussian that fits a crop best, with a constant background."""
    middle = crop.shape[0] // 2
    shape = crop.shape[0]

    def rest(p):
        image = gaussian([p[0]], [p[1]], p[2], shape)[0]
        rows = numpy.column_stack([image.ravel(), numpy.ones(image.size)])
        return rows @ numpy.linalg.lstsq(rows, crop.ravel(), rcond=None)[0] - crop.ravel()

    return least_squares(rest, (middle, middle, 1.3)).x


def spline_of(crop_stack, x: float, y: float):
    """The cubic B-spline through a bead's pixels, about its place."""
    side = crop_stack.shape[1]
    at = PIXEL * numpy.arange(side)
    rows = make_interp_spline(at, crop_stack[0], k=3, axis=0)
    both = make_interp_spline(at, rows.c, k=3, axis=1)
    coefficients = numpy.moveaxis(both.c, 0, 1)  # y, x
    flat = numpy.array([-500.0] * 4 + [500.0] * 4)
    return lumicrop.Spline(both.t - PIXEL * x, rows.t - PIXEL * y, flat, numpy.repeat(coefficients[None], 4, axis=0))


def measured(path: Path):
    """Photons of each bead by aperture, Gaussian and true PSF, over those of a wide aperture: radii, curve, and the two fits."""
    import tifffile

    movie = tifffile.imread(path)
    half, radii = 12, numpy.arange(1.0, 12.01, 0.5)
    crops = bead_crops(movie, FOCUS, half)
    places = numpy.array([fitted_gaussian(crop[half - 5 : half + 6, half - 5 : half + 6]) for crop in crops])
    x, y = places[:, 0] + half - 5, places[:, 1] + half - 5
    rows, columns = numpy.mgrid[: 2 * half + 1, : 2 * half + 1]
    far = numpy.hypot(rows - half, columns - half) >= 11
    level = numpy.array([numpy.median(crop[far]) for crop in crops])
    curve = numpy.array(
        [
            counted(crops, x, y, 1.0, method="aperture", aperture_px=r, background="column", known=level).photons
            for r in radii
        ]
    )
    whole = curve[radii == 10.0][0]
    inner = crops[:, half - 5 : half + 6, half - 5 : half + 6]
    gauss = [
        counted(inner[k : k + 1], places[k : k + 1, 0], places[k : k + 1, 1], places[k, 2], method=method).photons[0]
        / whole[k]
        for method in ("joint", "mle")
        for k in range(len(BEADS))
    ]
    truth = []
    for k in range(len(BEADS)):  # by the PSF that the next bead shows
        other = (k + 1) % len(BEADS)
        psf = crops[other] - level[other]
        spline = spline_of(psf[None], x[other], y[other])
        found = counted(
            inner[k : k + 1], places[k : k + 1, 0], places[k : k + 1, 1], 1.0, ("photons_total",), method="joint", model="spline", spline=spline
        ).photons_total[0]  # fmt: skip
        truth.append(found / whole[k] * counted(crops[other : other + 1], x[other : other + 1], y[other : other + 1], 1.0, method="aperture", aperture_px=10.0, background="column", known=level[other : other + 1]).photons[0] / psf.sum())  # fmt: skip
    return radii, curve / whole, numpy.array(gauss).reshape(2, -1), numpy.array(truth), places[:, 2]


def print_table(title: str, found, bounds) -> None:
    print(f"\n{title}\n\n| photons | " + " | ".join(found) + " | bound |\n|--:|" + "--:|" * (len(found) + 1))
    for i, photons in enumerate(PHOTONS):
        cells = [f"{100 * rows[i, 0]:.2f} ({100 * rows[i, 1]:+.2f})" for rows in found.values()]
        print(f"| {photons} | " + " | ".join(cells) + f" | {100 * bounds[i]:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beads", type=Path)
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent.parent / "docs" / "images" / "estimators.png"
    )
    arguments = parser.parse_args()

    figure = Figure(figsize=(14, 4.4), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    spread, bias, growth = figure.subplots(1, 3)
    for background in (10.0, 50.0):
        found, bounds = simulated(background)
        print_table(f"Background {background:g}: spread (bias), % of the photons", found, bounds)
        if background != 10.0:
            continue
        for name, colour in COLOURS.items():
            spread.loglog(PHOTONS, 100 * found[name][:, 0], "o-", color=colour, label=name, markersize=3.5)
        spread.loglog(PHOTONS, 100 * bounds, "k:", label="Cramér-Rao bound")
        for name, colour, line in [(n, c, "o-") for n, c in COLOURS.items()] + [
            ("sum, corrected", COLOURS["sum"], "o--")
        ]:
            bias.semilogx(PHOTONS, 100 * found[name][:, 1], line, color=colour, label=name, markersize=3.5)
    spread.set(
        title="Spread: 11 x 11 px, 10 photons/px behind", xlabel="photons", ylabel="standard deviation [% of photons]"
    )
    bias.set(title="Bias of photons_total", xlabel="photons", ylabel="mean error [% of photons]")
    growth.set(
        title="A measured PSF: six beads in focus",
        xlabel="radius of the aperture [px]",
        ylabel="photons / aperture of 10 px",
    )
    if arguments.beads is not None:
        radii, curve, gauss, truth, sigmas = measured(arguments.beads)
        growth.plot(radii, curve.mean(1), "o-", color=COLOURS["aperture"], label="aperture", markersize=3.5)
        for values, colour, label in ((gauss[0], COLOURS["joint"], "Gaussian, joint"), (gauss[1], COLOURS["mle"], "Gaussian, mle"), (truth, "black", "the beads' own PSF, joint")):  # fmt: skip
            growth.axhline(values.mean(), color=colour, linestyle="--", label=f"{label}: {values.mean():.3f}")
        print(f"\nBeads: sigma {sigmas.mean():.3f} px; over the aperture of 10 px")
        for name, values in (("joint", gauss[0]), ("mle", gauss[1]), ("own PSF", truth)):
            print(f"{name}: mean {values.mean():.4f}, from {values.min():.4f} to {values.max():.4f}")
        for radius in (2.0, 3.0, 4.0, 5.0, 6.0, 8.0):
            print(f"aperture {radius:g} px: {curve[radii == radius].mean():.4f}")
    for axes in (spread, bias, growth):
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
    figure.savefig(arguments.output, format="png")


if __name__ == "__main__":
    main()
