"""Which frames of a movie are looked at to know its noise."""

from __future__ import annotations

import numpy

from ..movies.movie import Movie

#: Pixels of frame differences that tell a gain to about a percent.
_PIXELS = 1 << 20
#: Runs of frames, spread over the movie.
_RUNS = 6
_BYTES_READ = 64 << 20


def sample_runs(movie: Movie, pixels: int = _PIXELS) -> list[numpy.ndarray]:
    """Runs of neighbouring frames from all over a movie.

    Parameters
    ----------
    movie : Movie
    pixels : int, default 2**20
        About how many pixels to return. Of large frames only the middle is.

    Returns
    -------
    list of numpy.ndarray
        Consecutive frames, (n, height, width) each; empty for a movie of one frame.
    """
    n_frames, height, width = movie.shape
    if n_frames < 2:
        return []
    rows, columns = _middle(height, width, pixels // 2)
    frames = max(2, pixels // ((rows.stop - rows.start) * (columns.stop - columns.start)))
    affordable = max(1, _BYTES_READ // (movie.frame_bytes * max(movie.block_frames, 2)))
    runs = max(1, min(_RUNS, frames // 2, affordable))
    length = min(frames // runs, max(2, n_frames // runs))
    if frames >= n_frames or runs * length >= n_frames:
        runs, length = 1, n_frames
    starts = numpy.linspace(0, n_frames - length, runs).astype(int) if runs > 1 else [(n_frames - length) // 2]
    return [movie.read(int(start), int(start) + length)[:, rows, columns] for start in starts]


def _middle(height: int, width: int, pixels: int) -> tuple[slice, slice]:
    """Rows and columns of the middle of a frame, of at most about so many pixels, in the frame's own shape."""
    shrink = max(1.0, (height * width / pixels) ** 0.5)
    sides = []
    for side in (height, width):
        kept = min(side, max(32, round(side / shrink)))
        sides.append(slice((side - kept) // 2, (side - kept) // 2 + kept))
    return sides[0], sides[1]
