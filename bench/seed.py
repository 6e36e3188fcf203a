"""Time smlmlp.integrate_crop, the seed of lumicrop, on the crops that lumicrop_bench wrote, and compare the results.

    python seed.py CROPS --out seed.json --threads 2 [--quick] [--filter REGEX] [--compare]

Each row: the best of some calls after one to compile and warm up, with parallel=False and, given threads, parallel=True.
"""

import argparse
import importlib.metadata
import json
import os
import re
import time
from pathlib import Path

import numpy as np

import reference

CROPS = {"filter/spline": 20_000, "filter/gauss": 50_000}  # as many as give a second or so
CROPS_ELSE = 200_000
WARM_UP_CROPS = 200
REPEATS = 2
COMPARED = 1_000
METHODS = ("sum", "filter/isogauss", "filter/gauss", "filter/gauss-unrotated", "filter/spline")
COLUMNS = {
    "sum": (),
    "filter/isogauss": ("sigma_fit",),
    "filter/gauss": ("sigma_x_fit", "sigma_y_fit", "sigma_angle"),
    "filter/gauss-unrotated": ("sigma_x_fit", "sigma_y_fit"),
    "filter/spline": ("z_fit",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("crops", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--quick", action="store_true", help="a tenth of the crops")
    parser.add_argument("--filter", default="", help="only rows whose name matches")
    parser.add_argument("--compare", action="store_true", help="also the errors of both against float64")
    chosen = parser.parse_args()

    for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(chosen.threads)
    import smlmlp

    camera = json.loads((chosen.crops / "camera.json").read_text())
    spline = {name: np.load(chosen.crops / f"{name}.npy") for name in ("tx", "ty", "tz", "coefficients")}
    rows = {}
    for folder in sorted(chosen.crops.glob("[0-9]*x[0-9]*"), key=lambda path: int(path.name.split("x")[0])):
        fits = {path.stem: np.load(path) for path in folder.glob("*.npy")}
        counts = fits.pop("crops")
        for dtype in ("f32", "u16"):
            crops = counts.astype(np.float32) if dtype == "f32" else counts
            for method in METHODS:
                name = f"{method}/{folder.name}/{dtype}/threads:{chosen.threads}"
                if not re.search(chosen.filter, name):
                    continue
                n = min(CROPS.get(method, CROPS_ELSE) // (10 if chosen.quick else 1), len(crops))
                rows[name] = row = timed(smlmlp.integrate_crop, method, crops, fits, spline, camera, n, chosen.threads)
                photons = row.pop("photons")
                if chosen.compare:
                    lumicrop = np.load(folder / dtype / f"{method}.npy")
                    row.update(compared(method, crops, fits, spline, camera, lumicrop, photons))
                print(f"{name:45s} {row['crops/s'] / 1e6:8.4f} M crops/s, parallel={row['parallel']}", flush=True)

    version = importlib.metadata.version("smlmlp")
    chosen.out.write_text(json.dumps({"version": version, "python": ".".join(map(str, os.sys.version_info[:3])), "rows": rows}))


def timed(integrate_crop, method: str, crops, fits: dict, spline: dict, camera: dict, n: int, threads: int) -> dict:
    best = {"crops": n, "crops/s": 0.0}
    # It refuses parallel=True where Numba was told to use one thread.
    for parallel in (False, True) if threads > 1 else (False,):
        call(integrate_crop, method, crops, fits, spline, camera, WARM_UP_CROPS, parallel)
        for _ in range(REPEATS):
            began = time.perf_counter()
            photons = call(integrate_crop, method, crops, fits, spline, camera, n, parallel)
            rate = n / (time.perf_counter() - began)
            if rate > best["crops/s"]:
                best.update({"crops/s": rate, "parallel": parallel, "photons": photons})
    return best


def call(integrate_crop, method: str, crops, fits: dict, spline: dict, camera: dict, n: int, parallel: bool) -> np.ndarray:
    values = {name: column[:n] for name, column in fits.items()}
    camera_of = dict(channels_gains=camera["gain"], channels_QE=camera["qe"], channels_pixels_nm=float(camera["pixel_nm"]))
    if method == "sum":
        return integrate_crop([crops[:n]], channels_weighted_integrations=False, parallel=parallel, **camera_of)[0]
    # It knows no camera offset: light that has the same counts instead.
    os_fit = (values["os_fit"] + camera["offset"] * camera["gain"] / camera["qe"]).astype(np.float32)
    return integrate_crop(
        [crops[:n]], values["X0"], values["Y0"],
        x_fit=values["x_fit"], y_fit=values["y_fit"], os_fit=os_fit,
        channels_fit_models={"filter/isogauss": "isogauss", "filter/spline": "spline"}.get(method, "gauss"),
        **{name: values[name] for name in COLUMNS[method]},
        **(spline_of(spline) if method == "filter/spline" else {}),
        parallel=parallel, **camera_of,
    )[0]


def spline_of(spline: dict) -> dict:
    return {
        "channels_psf_3d_xtangents": [spline["tx"]], "channels_psf_3d_ytangents": [spline["ty"]],
        "channels_psf_3d_ztangents": [spline["tz"]], "channels_psf_3d_spline_coeffs": [spline["coefficients"]],
    }


def compared(method: str, crops, fits: dict, spline: dict, camera: dict, lumicrop, seed) -> dict:
    truth = reference.reference(method, crops[:COMPARED], fits, spline, camera)
    both = min(len(seed), len(lumicrop))
    return {
        "error seed": truth.worst(seed),
        "difference": float(np.max(np.abs(lumicrop[:both] - seed[:both]) / np.abs(seed[:both]))),
    }


if __name__ == "__main__":
    main()
