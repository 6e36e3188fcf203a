"""Time circular apertures by sep or by photutils, one thread, on the movie's frames and detections that lumicrop_bench wrote.

    python apertures.py CROPS --library sep --out sep.json [--quick] [--filter REGEX]

Radius 5 px about the fitted position; the annulus, 6 to 7 px, has as many pixels as the border of an 11 x 11 crop. Nothing of
this is the estimate that lumicrop makes: a circle for a square, a mean for the border's median, and nothing is fitted.
"""

import argparse
import importlib.metadata
import json
import re
import statistics
from pathlib import Path

import numpy as np

from crops import camera_of
from samples import seconds_of, spread, until_settled

RADIUS, ANNULUS = 5.0, (6.0, 7.0)
SLOW_FRAMES = 4  # of the movie, for what takes seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("crops", type=Path)
    parser.add_argument("--library", choices=("sep", "photutils"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="few frames and samples")
    parser.add_argument("--filter", default="", help="only rows whose name matches")
    chosen = parser.parse_args()

    frames = frames_of(chosen.crops)[: 2 if chosen.quick else None]
    effort = {"least": 3, "seconds": 1.0} if chosen.quick else {}
    rows = {}
    for name, computes, one_frame, all_frames in {"sep": by_sep, "photutils": by_photutils}[chosen.library]():
        if not re.search(chosen.filter, name):
            continue
        used = frames if all_frames else frames[:SLOW_FRAMES]
        apertures = sum(len(positions) for _, positions in used)

        def measure_all():
            for pixels, positions in used:
                one_frame(pixels, positions)

        seconds = [taken[0] for taken in until_settled(lambda: (seconds_of(measure_all),), **effort)]
        rows[name] = {"computes": computes, "crops": apertures, "crops/s": apertures / statistics.median(seconds),
                      "spread": spread(seconds), "samples": len(seconds)}
        print(f"{name:32s} {rows[name]['crops/s'] / 1e6:8.4f} M apertures/s", flush=True)
    chosen.out.write_text(json.dumps({"version": importlib.metadata.version(chosen.library), "rows": rows}))


def frames_of(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each frame, in float32 as both libraries want it, and the positions (x, y) in it [px]."""
    movie = {path.stem: np.load(path) for path in (folder / "movie").glob("*.npy")}
    positions = np.stack([movie["x_fit"], movie["y_fit"]], axis=1).astype(float) / camera_of(folder)["pixel_nm"]
    return [(pixels.astype(np.float32), positions[movie["frame"] == frame]) for frame, pixels in enumerate(movie["frames"])]


def by_sep():
    import sep

    def annulus(pixels, positions):
        sep.sum_circle(pixels, positions[:, 0], positions[:, 1], RADIUS, bkgann=ANNULUS)

    yield "sep/sum_circle", "sum in the circle, less the mean of the annulus", annulus, True


def by_photutils():
    from photutils.aperture import ApertureStats, CircularAnnulus, CircularAperture, aperture_photometry

    def circle(pixels, positions):
        aperture_photometry(pixels, CircularAperture(positions, r=RADIUS))

    def median(pixels, positions):
        ApertureStats(pixels, CircularAnnulus(positions, *ANNULUS)).median

    yield "photutils/aperture_photometry", "sum in the circle, no background", circle, True
    yield "photutils/annulus-median", "median of the annulus, and nothing else", median, False


if __name__ == "__main__":
    main()
