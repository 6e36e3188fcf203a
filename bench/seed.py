"""Time smlmlp.integrate_crop, the seed of lumicrop, on the crops that lumicrop_bench wrote, and compare the results.

    python seed.py CROPS --out seed.json --threads 2 [--quick] [--filter REGEX] [--errors]

Each row: the best of some calls after one to compile and warm up, with parallel=False and, given threads, parallel=True.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import re
import time
from functools import partial
from pathlib import Path

import numpy as np

import reference
from crops import METHODS, camera_of, dropin_arguments, sizes_of, spline_of

CROPS = {"filter/spline": 20_000, "filter/gauss": 50_000}  # as many as give a second or so
CROPS_ELSE = 200_000
WARM_UP_CROPS = 200
REPEATS = 2
COMPARED = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("crops", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--quick", action="store_true", help="a tenth of the crops")
    parser.add_argument("--filter", default="", help="only rows whose name matches")
    parser.add_argument("--errors", action="store_true", help="also the seed's errors against float64")
    chosen = parser.parse_args()

    for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(chosen.threads)
    import smlmlp

    camera, spline = camera_of(chosen.crops), spline_of(chosen.crops)
    rows = {}
    for size, counts, fits in sizes_of(chosen.crops):
        for dtype in ("f32", "u16"):
            crops = counts.astype(np.float32) if dtype == "f32" else counts
            for method in METHODS:
                name = f"{method}/{size}/{dtype}/threads:{chosen.threads}"
                if not re.search(chosen.filter, name):
                    continue
                n = min(CROPS.get(method, CROPS_ELSE) // (10 if chosen.quick else 1), len(crops))
                ready = partial(ready_call, smlmlp.integrate_crop, method, crops, fits, spline, camera)
                rows[name] = row = timed(ready, n, chosen.threads)
                photons = row.pop("photons")
                if chosen.errors:
                    lumicrop = np.load(chosen.crops / "photons" / method / size / f"{dtype}.npy")
                    row.update(compared(method, crops, fits, spline, camera, lumicrop, photons))
                print(f"{name:45s} {row['crops/s'] / 1e6:8.4f} M crops/s, parallel={row['parallel']}", flush=True)

    version = importlib.metadata.version("smlmlp")
    chosen.out.write_text(json.dumps({"version": version, "python": platform.python_version(), "rows": rows}))


def ready_call(integrate_crop, method: str, crops, fits: dict, spline: dict, camera: dict, n: int, parallel: bool):
    """A call for the first `n` crops, its arguments at hand."""
    first = {column: values[:n] for column, values in fits.items()}
    arguments, named = dropin_arguments(method, crops[:n], first, spline, camera, parallel)
    return lambda: integrate_crop(*arguments, **named)[0]


def timed(ready, n: int, threads: int) -> dict:
    """The best of some calls; `ready(n, parallel)` makes one ready."""
    best = {"crops": n, "crops/s": 0.0}
    # It refuses parallel=True where Numba was told to use one thread.
    for parallel in (False, True) if threads > 1 else (False,):
        ready(WARM_UP_CROPS, parallel)()
        call = ready(n, parallel)
        for _ in range(REPEATS):
            began = time.perf_counter()
            photons = call()
            rate = n / (time.perf_counter() - began)
            if rate > best["crops/s"]:
                best.update({"crops/s": rate, "parallel": parallel, "photons": photons})
    return best


def compared(method: str, crops, fits: dict, spline: dict, camera: dict, lumicrop, seed) -> dict:
    truth = reference.reference(method, crops[:COMPARED], fits, spline, camera)
    both = min(len(seed), len(lumicrop))
    return {
        "error seed": truth.worst(seed),
        "difference": float(np.max(np.abs(lumicrop[:both] - seed[:both]) / np.abs(seed[:both]))),
    }


if __name__ == "__main__":
    main()
