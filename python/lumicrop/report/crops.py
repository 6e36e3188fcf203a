"""The contact sheet: crops as the camera saw them, with what the table says of each drawn over it."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import matplotlib.image
import numpy
from markupsafe import Markup

from .numbers import amount
from .run import Run

#: Crops of a group; four groups read at most as many frames as there are crops.
_PER_GROUP = 5
_MOST = 4 * _PER_GROUP


@dataclass(frozen=True)
class Crop:
    """One crop: ``<svg>`` element and the lines below it."""

    svg: Markup
    photons: str
    background: str
    frame: str
    scale: str


@dataclass(frozen=True)
class Group:
    """Crops that were chosen for the same reason."""

    title: str
    crops: list[Crop]


def contact_sheet(run: Run) -> list[Group]:
    """The brightest, the dimmest, some about the median, and some by chance; all of them where they are few."""
    chosen = _choose(run)
    frames: dict[int, list[int]] = {}
    for rows in chosen.values():
        for row in rows:
            frames.setdefault(int(run.result.detections.frame[row]), []).append(int(row))
    crops = {}
    for frame, rows in sorted(frames.items()):  # one frame in memory, each read once
        pixels = run.movie.read(frame, frame + 1)[0]
        crops |= {row: _crop(run, row, pixels) for row in rows}
    return [Group(title, [crops[int(row)] for row in rows]) for title, rows in chosen.items()]


def _choose(run: Run) -> dict[str, numpy.ndarray]:
    """Rows of the table for each group's title."""
    result, (n_frames, height, width) = run.result, run.movie.shape
    rows_high, columns_wide = run.settings.size.value
    frame = result.detections.frame
    seen = run.counted & result.integrated & (frame >= 0) & (frame < n_frames)
    seen &= (result.X0 < width) & (result.Y0 < height) & (result.X0 > -columns_wide) & (result.Y0 > -rows_high)
    rows = numpy.flatnonzero(seen)
    rows = rows[numpy.argsort(result.photons[rows], kind="stable")]
    if not rows.size:
        return {}
    if rows.size <= _MOST:
        return {"All, from the brightest to the dimmest": rows[::-1]}
    n, middle = _PER_GROUP, rows.size // 2
    about_median = slice(middle - n // 2, middle - n // 2 + n)
    others = numpy.concatenate([rows[n : about_median.start], rows[about_median.stop : -n]])
    by_chance = numpy.random.default_rng(0).choice(others, min(n, others.size), replace=False)
    groups = {"Brightest": rows[: -n - 1 : -1], "About the median": rows[about_median], "Dimmest": rows[:n]}
    return groups | ({"By chance": by_chance} if by_chance.size else {})


def _crop(run: Run, row: int, frame: numpy.ndarray) -> Crop:
    height, width = run.settings.size.value
    left, top = int(run.result.X0[row]), int(run.result.Y0[row])
    rows = slice(max(0, top), min(frame.shape[0], top + height))
    columns = slice(max(0, left), min(frame.shape[1], left + width))
    pixels = numpy.full((height, width), numpy.nan)  # beyond the frame: blank
    pixels[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = frame[rows, columns]
    pixels[~numpy.isfinite(pixels)] = numpy.nan
    seen = pixels[numpy.isfinite(pixels)]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    detections = run.result.detections
    x, y = float(detections.x_px[row]), float(detections.y_px[row])
    photons, background = float(run.result.photons[row]), float(run.result.background[row])
    number = f"{int(detections.frame[row]) + run.first_frame:,}"
    alt = f"Crop of {width} x {height} px in frame {number}: {amount(photons)} photons."
    sigma = run.result.details.get("photons_sigma")
    error = "" if sigma is None or not numpy.isfinite(sigma[row]) else f" ± {amount(float(sigma[row]))}"
    return Crop(
        _svg(pixels, (low, high), (x - left, y - top), run.sigma_px(row), alt),
        amount(photons) + error,
        amount(background),
        number,
        f"{amount(low)} to {amount(high)}",
    )


def _svg(
    pixels: numpy.ndarray,
    scale: tuple[float, float],
    position: tuple[float, float],
    sigma: tuple[float, float, float] | None,
    alt: str,
) -> Markup:
    """An element whose unit is the pixel, the first one's centre at 0."""
    height, width = pixels.shape
    x, y = position
    png = io.BytesIO()
    matplotlib.image.imsave(
        png, pixels, vmin=scale[0], vmax=scale[1], cmap="gray", format="png", metadata={"Software": None}
    )
    image = base64.b64encode(png.getvalue()).decode("ascii")
    marks = Markup("")
    if sigma is not None and numpy.isfinite(sigma).all():
        # The model turns a pixel's distance by the angle, with y downwards: that turns the ellipse the other way.
        marks += Markup(
            '<ellipse rx="{:.3f}" ry="{:.3f}" transform="translate({:.3f} {:.3f}) rotate({:.2f})"/>'
        ).format(sigma[0], sigma[1], x, y, -(sigma[2] % 360.0))
    if numpy.isfinite(position).all():
        arm = 0.07 * max(height, width)
        marks += Markup('<path d="M{:.3f} {:.3f}h{:.3f}M{:.3f} {:.3f}v{:.3f}"/>').format(
            x - arm, y, 2 * arm, x, y - arm, 2 * arm
        )
    return Markup(
        '<svg role="img" aria-label="{}" viewBox="-0.5 -0.5 {} {}"><image x="-0.5" y="-0.5" width="{}" height="{}" '
        'preserveAspectRatio="none" href="data:image/png;base64,{}"/>{}</svg>'
    ).format(alt, width, height, width, height, image, marks)
