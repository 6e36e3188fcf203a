"""How far lumicrop's photons are from the formulas in float64, for the crops that lumicrop_bench wrote. Needs numpy and scipy.

    python errors.py CROPS --out errors.json [--filter REGEX]

By row, without its number of threads; in units of what is allowed (reference.py).
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np

import reference
from crops import camera_of, detections_of, spline_of

COMPARED = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("crops", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--filter", default="", help="only rows whose name matches")
    chosen = parser.parse_args()

    camera, spline = camera_of(chosen.crops), spline_of(chosen.crops)
    errors = {}
    photons = chosen.crops / "photons"
    for path in sorted(photons.rglob("*.npy")):
        row = str(path.relative_to(photons)).removesuffix(".npy")
        method, size, unusual = parts_of(row.removeprefix("cuda/"))
        crops, columns = detections_of(chosen.crops / size / unusual)
        if re.search(chosen.filter, row):
            truth = reference.reference(method, crops[:COMPARED], columns, spline, camera)
            errors[row] = truth.worst(np.load(path))
            print(f"{row:56s} {errors[row]:.2g}", flush=True)
    chosen.out.write_text(json.dumps(errors))


def parts_of(row: str) -> tuple[str, str, str]:
    """Method, size, and what is unusual about the crops: "filter/gauss", "11x11", "padded:every-tenth"."""
    method, size, unusual = re.fullmatch(r"(.*)/(\d+x\d+)/(?:f32|u16)/?(.*)", row).groups()
    return method, size, "" if unusual.startswith("isa:") else unusual


if __name__ == "__main__":
    main()
