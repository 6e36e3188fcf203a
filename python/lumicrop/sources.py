"""Who says what: a value together with the place it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Statement:
    """What one file says about one quantity.

    Attributes
    ----------
    quantity : str
        ``"pixel_nm"``, ``"gain"`` [e-/ADU], ``"em_gain"`` (by which `gain` is divided already; its noise is what it is
        stated for), ``"offset"`` [ADU], ``"qe"`` or ``"size"`` [px].
    value : float or tuple of float
        The value, in that quantity's unit; a pair is (y, x).
    source : str
        The file and the key in it, for a person to find it again.
    """

    quantity: str
    value: float | tuple[float, float]
    source: str
