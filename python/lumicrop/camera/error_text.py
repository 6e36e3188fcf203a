"""A number with its error, in as many digits as the error allows."""

from __future__ import annotations

import math


def with_error(value: float, error: float) -> str:
    """``0.46 ± 0.02``: the error in one digit, or two where it begins with 1, the value as far; without an error six digits."""
    if not (math.isfinite(error) and error > 0):
        return f"{value:.6g}"
    digits = -math.floor(math.log10(error))
    if error * 10**digits < 1.95:
        digits += 1
    digits = max(0, digits)
    return f"{value:.{digits}f} ± {error:.{digits}f}"
