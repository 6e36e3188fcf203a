"""How photons can be counted, how the background can be found, and what can be told besides: the one list of each.

The Python call, the settings of a run, the command's options and their help all read these.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """A way to count photons.

    Attributes
    ----------
    means : str
        What it does, in a few words.
    backgrounds : tuple of str
        Those of `BACKGROUNDS` that it can be given; the first is its default.
    has_psf : bool
        It looks at the PSF: it needs a model, a width and the pixel size.
    has_aperture : bool
        It has a radius, around the fitted position.
    has_errors : bool
        It weights pixels by their noise or is meant for it: photons are written with their standard error.
    iterates : bool
        It has a number of iterations.
    """

    means: str
    backgrounds: tuple[str, ...]
    has_psf: bool = True
    has_errors: bool = False
    iterates: bool = False
    has_aperture: bool = False


#: What is subtracted, by name.
BACKGROUNDS = {
    "border_median": "median of the crop's border",
    "corrected_median": "the same, corrected for the skewness of counted light",
    "column": "each detection's own, of the table",
    "map": "a map of the frame",
    "fitted": "fitted together with the photons",
    "annulus_median": "median of a ring around the position, less its neighbours",
    "annulus_mean": "mean of the same pixels",
    "annulus_clipped": "the same without those beyond 3 standard deviations",
}

#: Those that are measured on a ring around each position.
ANNULI = tuple(name for name in BACKGROUNDS if name.startswith("annulus_"))

#: Methods by name; the first is a run's default.
METHODS = {
    "filter": Method("projection on the fitted PSF", ("column", "border_median", "corrected_median", "map", *ANNULI)),
    "sum": Method(
        "pixels above the background", ("border_median", "corrected_median", "column", "map", *ANNULI), has_psf=False
    ),
    "joint": Method("photons and background by least squares", ("fitted",), has_errors=True),
    "optimal": Method(
        "the same, weighted by the pixels' noise",
        ("fitted", "column", "map", "border_median", "corrected_median", *ANNULI),
        has_errors=True,
        iterates=True,
    ),
    "mle": Method(
        "maximum of the Poisson likelihood",
        ("fitted", "column", "map", "border_median", "corrected_median", *ANNULI),
        has_errors=True,
        iterates=True,
    ),
    "aperture": Method(
        "pixels above the background, by the part of their area in an ellipse",
        ("border_median", "corrected_median", "column", "map", *ANNULI),
        has_psf=False,
        has_aperture=True,
    ),
}


@dataclass(frozen=True)
class Detail:
    """A number beside the photons.

    Attributes
    ----------
    means : str
    unit : str
        Of its column. A background is per pixel without saying so, as ThunderSTORM's is.
    type : str
        NumPy's name of its type.
    of_noise : bool
        It is as good as what is known of the camera's noise.
    of_psf : bool
        It needs the PSF, whatever the method.
    of_model : bool
        It compares the crop with the PSF that was fitted, which a sum does not have.
    of_iterations : bool
        Only methods that iterate have it.
    """

    means: str
    unit: str = ""
    type: str = "float64"
    of_noise: bool = False
    of_psf: bool = False
    of_model: bool = False
    of_iterations: bool = False


#: What a run may be asked for, by the names of `lumicrop.Result`.
DETAILS = {
    "photons_sigma": Detail("standard error of the photons", "photon", of_noise=True),
    "background_sigma": Detail("standard error of the background per pixel", "photon", of_noise=True),
    "chi2": Detail("squared deviations over their variance, by degrees of freedom", of_noise=True, of_model=True),
    "log_likelihood_ratio": Detail("twice the logarithm of the likelihood ratio", of_noise=True, of_model=True),
    "enclosed": Detail("fraction of the PSF that lies on the crop", of_psf=True),
    "photons_total": Detail("photons / enclosed", "photon", of_psf=True),
    "background_pixels": Detail("pixels of background whose mean would be as certain", "px", of_noise=True),
    "iterations": Detail("steps of the fit", type="uint32", of_iterations=True),
}  # fmt: skip


def has_detail(method: str, detail: str) -> bool:
    """Whether a method tells a detail at all."""
    how, what = METHODS[method], DETAILS[detail]
    return not (what.of_model and not how.has_psf) and not (what.of_iterations and not how.iterates)


def all_details(method: str) -> tuple[str, ...]:
    """Every detail that a method tells without being given more than it needs for its photons."""
    return tuple(
        name
        for name, detail in DETAILS.items()
        if has_detail(method, name) and (METHODS[method].has_psf or not detail.of_psf)
    )
