"""What was found of a camera, for machines and for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy
from rich import box
from rich.console import Console
from rich.table import Table as Grid

from .camera import CalibrationMaps, PhotonTransfer, photon_transfer, why_undecided
from .camera.error_text import with_error
from .console_output import show_warnings
from .movies import Movie
from .standard_output import as_text

#: Read noises that the gain is shown for where nobody knows it [e-].
_READ_NOISES = (0.0, 1.5, 3.0)
#: Relative error of a pixel's gain beyond which a warning is given.
_UNSURE = 0.1


def describe_findings(
    offset: float | None,
    read_noise: float | None,
    movie: Movie | None,
    transfer: PhotonTransfer | None,
    maps: CalibrationMaps | None,
    em_gain: float,
) -> dict[str, Any]:
    """Everything that was found, for machines.

    Parameters
    ----------
    offset, read_noise : float or None
        As given [ADU], [e-].
    movie, transfer
        A movie and what its noise tells; None: there is none.
    maps : CalibrationMaps or None
    em_gain : float

    Returns
    -------
    dict
        Numbers, strings, lists and dicts alone. A number that is not determined is None.
    """
    described: dict[str, Any] = {"em_gain": em_gain}
    if movie is not None and transfer is not None:
        described |= {
            "movie": str(movie.path),
            "gain": _number(transfer.gain),
            "gain_error": _number(transfer.gain_error),
            "way": transfer.way,
            "offset": _number(transfer.offset),
            "offset_error": _number(transfer.offset_error),
            "read_noise": _number(transfer.read_noise),
            "read_noise_error": _number(transfer.read_noise_error),
            "noise_vanishes_at": _number(transfer.vanishing),
            "noise_vanishes_at_error": _number(transfer.vanishing_error),
            "places": transfer.sums.n_places,
            "neighbours_over_high_frequencies": _number(transfer.sums.whiteness),
            "lower_over_high_frequencies": _number(transfer.sums.plateau),
            "stated": {each.quantity: [each.value, each.source] for each in movie.statements},
        }
    if maps is not None:
        described["maps"] = {
            "shape": list(maps.offset.shape),
            "offset": _median_and_spread(maps.offset),
            "read_noise": None if maps.read_variance is None else _median_and_spread(numpy.sqrt(maps.read_variance)),
            "gain": None if maps.gain is None else _median_and_spread(maps.gain),
            "gain_error_of_a_pixel": _number(maps.gain_error),
            "pixels_without_gain": maps.n_without_gain,
        }
    described["warnings"] = _warnings(offset, read_noise, transfer, maps)
    return described


def _warnings(
    offset: float | None, read_noise: float | None, transfer: PhotonTransfer | None, maps: CalibrationMaps | None
) -> list[str]:
    """Sentences on what cannot be told or trusted."""
    warnings = []
    if transfer is not None:
        why = why_undecided(transfer.sums)
        if why:
            warnings.append(f"these numbers are not to be trusted: {why}")
        warnings += transfer.notes
        if not transfer.way and offset is not None and read_noise is None:
            warnings += _for_each_read_noise(transfer, offset)
    if maps is not None and maps.n_without_gain:
        warnings.append(
            f"{maps.n_without_gain:,} pixels have no gain, as their noise does not grow with light: NaN in the maps, which lumicrop "
            "leaves out"
        )
    if maps is not None and maps.gain_error > _UNSURE:
        warnings.append(
            f"a pixel's gain is known to {100 * maps.gain_error:.0f} % only: take more frames, or more light"
        )
    return warnings


def _for_each_read_noise(transfer: PhotonTransfer, offset: float) -> list[str]:
    """What the gain would be, where only the read noise is missing."""
    gains = []
    for read_noise in _READ_NOISES:
        known = {"camera_offset": offset, "read_noise": read_noise, "em_gain": transfer.em_gain}
        each = photon_transfer(transfer.sums, **known)
        if each.way:
            gains.append(f"{with_error(each.gain, each.gain_error)} with {read_noise:g} e-")
    return [f"the gain is, by read noise: {', '.join(gains)}"] if gains else []


def show_findings(
    console: Console,
    movie: Movie | None,
    transfer: PhotonTransfer | None,
    described: Mapping[str, Any],
    em_gain: float,
    em_source: str,
) -> None:
    """What was found, as a person reads it; `described` is what `describe_findings` gives."""
    if movie is not None and transfer is not None:
        _show_transfer(console, movie, transfer, em_gain, em_source)
    if "maps" in described:
        grid = Grid("of the pixels", "median", "middle 90 %", box=box.SIMPLE_HEAD, pad_edge=False)
        for name, kind, unit in _MAPS:
            spread = described["maps"][kind]
            if spread is not None:
                grid.add_row(name, f"{spread['p50']:.4g} {unit}", f"{spread['p5']:.4g} to {spread['p95']:.4g}")
        console.print(grid)
    show_warnings(console, described["warnings"])


_MAPS = (("offset", "offset", "counts"), ("read noise", "read_noise", "e-"), ("gain", "gain", "e- per count"))
_WAYS = {"slope": "slope of noise over light", "level": "noise at the known offset and read noise"}


def _show_transfer(console: Console, movie: Movie, transfer: PhotonTransfer, em_gain: float, em_source: str) -> None:
    gain, offset, read_noise = (
        _value(getattr(transfer, name), getattr(transfer, f"{name}_error"), unit)
        for name, unit in (("gain", "e- per count"), ("offset", "counts"), ("read_noise", "e-"))
    )
    grid = Grid("of the camera", "value", "from", box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_row("gain", gain, _WAYS.get(transfer.way, "not determined"))
    grid.add_row("camera offset", offset, _offset_source(transfer))
    grid.add_row("read noise", read_noise, _read_source(transfer))
    grid.add_row("EM gain", f"{em_gain:g}", as_text(em_source))
    console.print(as_text(str(movie.path)), soft_wrap=True)
    console.print(grid)
    for statement in movie.statements:
        if statement.quantity in ("gain", "offset"):
            says = f"the file says {statement.quantity} {statement.value:g} ({as_text(statement.source)})"
            console.print(says, soft_wrap=True)


def _offset_source(transfer: PhotonTransfer) -> str:
    if transfer.offset_error == 0:
        return "known"
    if math.isfinite(transfer.offset):
        return "slope of noise over light, and the read noise as given"
    if not transfer.way:
        return "not determined"
    excess = 2 if transfer.em_gain > 1 else 1
    scale = 1 / (excess * transfer.gain * transfer.em_gain)
    return (
        f"not determined apart from the read noise r: {with_error(transfer.vanishing, transfer.vanishing_error)} + "
        f"{scale:.3g} r² (r in e-)"
    )


def _read_source(transfer: PhotonTransfer) -> str:
    if not math.isfinite(transfer.read_noise):
        return "not determined apart from the offset" if transfer.way else "not determined"
    if transfer.read_noise_error == 0:
        return "known"
    return "dark frames" if transfer.way == "level" else "slope of noise over light, and the offset as given"


def _value(value: float, error: float, unit: str) -> str:
    return f"{with_error(value, error)} {unit}" if math.isfinite(value) else "?"


def _median_and_spread(values: numpy.ndarray) -> dict[str, float] | None:
    finite = values[numpy.isfinite(values)]
    if not finite.size:
        return None
    return {f"p{percent}": float(value) for percent, value in zip((5, 50, 95), numpy.percentile(finite, (5, 50, 95)))}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
