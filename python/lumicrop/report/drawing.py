"""Figures as SVG within a page: text stays text, colours follow the theme, the same figure gives the same bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass

import matplotlib.style
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

#: Colours that stand for the page's own: a dark page has light ink.
INK, FAINT, OURS, TABLES = "#010203", "#010204", "#010205", "#010206"
_VARIABLES = {INK: "var(--ink)", FAINT: "var(--faint)", OURS: "var(--ours)", TABLES: "var(--tables)"}
#: For points, which become pixels: seen on white and on black.
POINTS = "#3d7fc4"
#: Pixels per inch of the parts that become pixels; a page shows an inch as about 96.
_RASTER_DPI = 150

_STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "axes.facecolor": "none",
}


@dataclass(frozen=True)
class Drawing:
    """A figure of the page.

    Attributes
    ----------
    name : str
        Its anchor in the page.
    title, caption : str
        Above and below it.
    svg : markupsafe.Markup
        The ``<svg>`` element; empty where there is nothing to draw.
    """

    name: str
    title: str
    caption: str
    svg: Markup = Markup("")


def draw(name: str, alt: str, plot: Callable[[Figure, Axes], None], size: tuple[float, float] = (6.4, 3.5)) -> Markup:
    """An ``<svg>`` element of what `plot` draws.

    Parameters
    ----------
    name : str
        Makes the element's inner names unique in the page.
    alt : str
        What the figure shows, for those who do not see it.
    plot : callable
        Draws into a figure and its axes.
    size : tuple of float
        Width and height [inch], of which a page shows one as about 96 pixels.
    """
    # after_reset: a matplotlibrc of the user's has no say
    with matplotlib.style.context({**_STYLE, "svg.hashsalt": name}, after_reset=True):
        figure = Figure(figsize=size, layout="constrained", facecolor="none", dpi=_RASTER_DPI)
        FigureCanvasSVG(figure)
        plot(figure, figure.subplots())
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _within_a_page(written.getvalue(), name, alt)


def _within_a_page(svg: str, name: str, alt: str) -> Markup:
    """The element alone, with names that no other figure has, and with the page's colours."""
    svg = svg[svg.index("<svg") :]
    view_box = re.search(r'viewBox="[^"]*"', svg)[0]
    opening = Markup('<svg role="img" aria-label="{}" {}>').format(alt, Markup(view_box))
    svg = opening + Markup(svg[svg.index(">") + 1 :])
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<defs>\s*</defs>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = svg.replace("xlink:href=", "href=")
    referred = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in referred else "", svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{name}-", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    return Markup(re.sub(r"\n\s*", "\n", svg))
