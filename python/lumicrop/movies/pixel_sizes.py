"""Pixel sizes that image formats state, in nanometres."""

from __future__ import annotations

import math

from ..sources import Statement

#: Names of a micrometre and a nanometre in metadata, lower case.
NM_PER_UNIT = {"nm": 1.0, "nanometer": 1.0, "nanometre": 1.0}
NM_PER_UNIT |= dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "micrometre", r"\u00b5m"), 1e3)
#: Those and the other units of length that the OME's formats know.
NM_PER_OME_UNIT = NM_PER_UNIT | {"pm": 1e-3, "picometer": 1e-3, "å": 0.1, "angstrom": 0.1, "mm": 1e6, "millimeter": 1e6}
NM_PER_OME_UNIT |= {"cm": 1e7, "centimeter": 1e7, "m": 1e9, "meter": 1e9}


def pixel_statements(y_nm: float | None, x_nm: float | None, source: str) -> list[Statement]:
    """The pixel size as a statement, or none where a length is no length.

    Parameters
    ----------
    y_nm, x_nm : float or None
        Height and width of a pixel [nm]; None: that of the other axis.
    source : str
        Who says so.

    Returns
    -------
    list of Statement
        One with a number where pixels are square, else one with ``(y, x)``.
    """
    lengths = [length for length in (y_nm, x_nm) if length is not None]
    if not lengths or not all(math.isfinite(length) and length > 0 for length in lengths):
        return []
    y, x = (round(length, 6) for length in (lengths[0], lengths[-1]))  # some store a ratio of 32-bit numbers
    if not (y and x):
        return []
    return [Statement("pixel_nm", x if math.isclose(y, x, rel_tol=1e-6) else (y, x), source)]
