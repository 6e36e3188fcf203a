"""A picture of noise against light, and of a camera's maps."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg", force=False)

import numpy
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .calibration_maps import CalibrationMaps
from .photon_transfer import PhotonTransfer

_OURS, _LINE = "#1f5fa8", "#d9822b"


def draw_transfer(transfer: PhotonTransfer | None, maps: CalibrationMaps | None, title: str, path: Path) -> None:
    """Write a PNG: variance over mean with the line of the estimate, and histograms of the maps.

    Parameters
    ----------
    transfer : PhotonTransfer or None
        Of a movie; None: there was none.
    maps : CalibrationMaps or None
    title : str
    path : pathlib.Path
        The PNG file to write.
    """
    shown = [] if maps is None else _histograms(maps)
    panels = (transfer is not None) + len(shown)
    figure = Figure(figsize=(max(7.0, 4.6 * panels), 4.6), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, fontweight="bold", parse_math=False)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    if transfer is not None:
        _transfer(axes[0], transfer)
    for panel, (name, values) in zip(axes[panels - len(shown) :], shown):
        _histogram(panel, name, values)
    picture = io.BytesIO()  # what writes the PNG would not say that a disk is full
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about letters of a file's name that the font does not have
        figure.savefig(picture, format="png")
    Path(path).write_bytes(picture.getbuffer())


def _transfer(axes: Axes, transfer: PhotonTransfer) -> None:
    axes.set(title="Noise against light", xlabel="mean [count]", ylabel="variance [count²]")
    axes.errorbar(
        transfer.light, transfer.noise, transfer.noise_error, fmt="o", markersize=4, color=_OURS, label="the movie"
    )
    excess = 2.0 if transfer.em_gain > 1 else 1.0
    if transfer.way:
        slope = excess * transfer.em_gain / transfer.gain
        rounding = transfer.sums.step**2 / 12
        light = numpy.array([transfer.light.min(), transfer.light.max()])
        if transfer.way == "level":
            line = slope * (light - transfer.offset) + (transfer.read_noise / transfer.gain) ** 2 + rounding
        else:
            line = slope * (light - transfer.vanishing) + rounding
        says = f"{transfer.gain:.3g} ± {transfer.gain_error:.1g} e⁻ per count"
        if transfer.em_gain > 1:
            says += f", EM gain {transfer.em_gain:g}"
        axes.plot(light, line, color=_LINE, linewidth=1.6, label=says)
    axes.set_ylim(0, 1.1 * float((transfer.noise + transfer.noise_error).max()))
    axes.legend(frameon=False, loc="upper left")
    _plain(axes)


def _histograms(maps: CalibrationMaps) -> list[tuple[str, numpy.ndarray]]:
    shown = [("offset [count]", maps.offset)]
    if maps.read_variance is not None:
        shown.append(("read noise [e⁻]", numpy.sqrt(maps.read_variance)))
    if maps.gain is not None:
        shown.append(("gain [e⁻/count]", maps.gain))
    return shown


def _histogram(axes: Axes, name: str, values: numpy.ndarray) -> None:
    values = values[numpy.isfinite(values)]
    axes.set(title=name.partition(" [")[0].capitalize() + " of the pixels", xlabel=name, ylabel="pixels")
    if values.size:
        low, high = numpy.quantile(values, (0.001, 0.999))
        axes.hist(values, numpy.linspace(low, high if high > low else low + 1, 61), color=_OURS)
        axes.set_yscale("log")
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
