"""Which axis of an array counts frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..input_error import InputError


def frame_axis(shape: Sequence[int], axes: Sequence[str], path: Path) -> int | None:
    """The axis that counts frames; None where there is one frame only.

    The last two axes are rows and columns; of those before, one may be longer than 1.

    Parameters
    ----------
    shape : sequence of int
        Length of every axis.
    axes : sequence of str
        Name of every axis, ``"Y"`` and ``"X"`` being rows and columns; empty: they have no names.
    path : pathlib.Path
        The file, for the message.

    Raises
    ------
    InputError
        The array has colours, positions or the like, or no rows and columns.
    """
    if len(shape) >= 2 and (not axes or tuple(axes[-2:]) == ("Y", "X")):
        counting = [axis for axis, length in enumerate(shape[:-2]) if length != 1]
        if len(counting) <= 1:
            return counting[0] if counting else None
    if axes:
        sizes = " x ".join(f"{length} {axis}" for length, axis in zip(shape, axes))
        advice = "a movie has frames of rows (Y) and columns (X): save one colour alone"
    else:
        sizes = " x ".join(map(str, shape)) or "a single number"
        advice = "a movie has frames, rows and columns: save one colour or position alone"
    raise InputError(f"{path}: the images are {sizes}, but {advice}")


def movie_shape(shape: Sequence[int], axis: int | None) -> tuple[int, int, int]:
    """``(n_frames, height, width)`` of an array whose frames are counted by an axis."""
    return (1 if axis is None else shape[axis], *shape[-2:])


def could_be_movie(shape: Sequence[int], dtype: object) -> bool:
    """Whether an array looks like a movie among others of its file: numbers in rows and columns, once or more often."""
    kind = getattr(dtype, "kind", "")
    return kind in "uif" and kind != "" and len(shape) >= 2 and sum(length != 1 for length in shape[:-2]) <= 1
