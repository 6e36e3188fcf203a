"""How far lumicrop's photons are from the formulas in float64, for the crops that lumicrop_bench wrote. Needs numpy and scipy.

    python errors.py CROPS --out errors.json [--filter REGEX]

Errors are in units of what is allowed (reference.py); CPU and, where a GPU was used, CUDA.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np

import reference

COMPARED = 1_000
METHODS = ("sum", "filter/isogauss", "filter/gauss", "filter/gauss-unrotated", "filter/spline")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("crops", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--filter", default="", help="only rows whose name matches")
    chosen = parser.parse_args()

    camera = json.loads((chosen.crops / "camera.json").read_text())
    spline = {name: np.load(chosen.crops / f"{name}.npy") for name in ("tx", "ty", "tz", "coefficients")}
    errors = {}
    for folder in sorted(chosen.crops.glob("[0-9]*x[0-9]*"), key=lambda path: int(path.name.split("x")[0])):
        fits = {path.stem: np.load(path) for path in folder.glob("*.npy")}
        crops = fits.pop("crops")[:COMPARED]
        for dtype in ("f32", "u16"):
            for method in METHODS:
                name = f"{method}/{folder.name}/{dtype}"
                if not re.search(chosen.filter, name):
                    continue
                truth = reference.reference(method, crops, fits, spline, camera)
                for backend, ending in (("cpu", "npy"), ("cuda", "cuda.npy")):
                    path = folder / dtype / f"{method}.{ending}"
                    if path.exists():
                        errors.setdefault(name, {})[backend] = truth.worst(np.load(path))
                print(f"{name:32s} " + ", ".join(f"{backend} {error:.2g}" for backend, error in errors[name].items()), flush=True)
    chosen.out.write_text(json.dumps(errors))


if __name__ == "__main__":
    main()
