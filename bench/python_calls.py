"""How near Python's calls come to the C ABI's, on the crops that lumicrop_bench wrote. Needs lumicrop, its library and numpy.

    python python_calls.py CROPS --out python.json --threads 2 [--quick] [--filter REGEX]

`integrate` asks for photons as float32, `integrate_crop` is the drop-in for the seed's; in each sample the same library is
called through cffi for the same columns of the same crops, with structs made before: `of C` is the one rate over the other.
"""

import argparse
import json
import os
import platform
import re
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np

os.environ["LUMICROP_BACKEND"] = "cpu"
import lumicrop
from lumicrop._abi import check, ffi, lib

from crops import COLUMNS, MODELS, camera_of, detections_of, dropin_arguments, light_offset, spline_of
from samples import calls_of_sample, seconds_of, spread, until_settled

SIZE = "11x11"
METHODS = ("sum", "filter/isogauss", "filter/gauss", "filter/spline")
FEW, MANY_IN_CACHE, MANY = (1, 100), 1_000, (100_000, 1_000_000)
SWEPT = [10**power for power in range(7)]
DTYPES = {np.dtype(np.float32): lib.LUMICROP_F32, np.dtype(np.uint16): lib.LUMICROP_U16, np.dtype(np.int32): lib.LUMICROP_I32,
          np.dtype(np.float64): lib.LUMICROP_F64}
OUTPUTS = {"integrate": ("photons",), "integrate_crop": ("photons", "background", "psf_sum", "denominator")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("crops", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--quick", action="store_true", help="fewer crops and samples")
    parser.add_argument("--filter", default="", help="only rows whose name matches")
    chosen = parser.parse_args()

    stacks = Stacks(chosen.crops, max(SWEPT[:-1] if chosen.quick else MANY))
    effort = {"least": 3, "seconds": 1.0} if chosen.quick else {}
    measured = {}
    for name, measure in rows_of(stacks, chosen.threads):
        if re.search(chosen.filter, name) and int(name.split("/crops:")[1]) <= stacks.n:
            measured[name] = row = measure(**effort)
            shown = f"{row['of C']:5.0%} of C" if "of C" in row else f"{row['seconds'] * 1e6:10.2f} us"
            print(f"{name:72s} {row['crops/s'] / 1e6:8.3f} M crops/s {shown}", flush=True)
    chosen.out.write_text(json.dumps({"python": platform.python_version(), "numpy": np.__version__, "rows": measured}))


def rows_of(stacks: "Stacks", threads: int):
    """Names, and what measures each."""
    for function in OUTPUTS:
        for method in METHODS:
            for n in MANY:
                yield (f"python/{function}/{method}/{SIZE}/f32/threads:{threads}/crops:{n}",
                       lambda f=function, m=method, n=n, **effort: beside_c(stacks, f, m, threads, n, **effort))
    for function in OUTPUTS:
        for method in ("sum", "filter/isogauss"):
            for n in FEW:
                yield (f"python/call/{function}/{method}/{SIZE}/f32/threads:1/crops:{n}",
                       lambda f=function, m=method, n=n, **effort: short_call(stacks, f, m, n, **effort))
    for n in SWEPT:
        yield (f"python/sweep/integrate/filter/isogauss/{SIZE}/f32/threads:{threads}/crops:{n}",
               lambda n=n, **effort: alone(stacks, "integrate", "filter/isogauss", threads, n, **effort))


# ----------------------------------------------------------------------------------------------------- what is measured


def beside_c(stacks, function: str, method: str, threads: int, n: int, **effort) -> dict:
    """Rate of a call, and its share of the C ABI's rate for the same columns, and for photons alone."""
    call = stacks.python_call(function, method, threads, n)
    same, photons = (PreparedCall(stacks, method, threads, n, outputs) for outputs in (OUTPUTS[function], ("photons",)))
    np.testing.assert_array_equal(call(), same())
    calls = calls_of_sample(same)

    def sample():
        c, alone, python = (seconds_of(each, calls) for each in (same, photons, call))
        return c / python, alone / python, python

    share, of_photons, seconds = zip(*until_settled(sample, **effort))
    return {"seconds": statistics.median(seconds), "crops/s": n / statistics.median(seconds), "of C": statistics.median(share),
            "of C for photons alone": statistics.median(of_photons), "spread": spread(share), "samples": len(share)}


def short_call(stacks, function: str, method: str, n: int, **effort) -> dict:
    """Time of a call for few crops; `overhead`: less what C takes for so many of the many crops of one call in the same cache."""
    call = stacks.python_call(function, method, 1, n)
    many = PreparedCall(stacks, method, 1, MANY_IN_CACHE, OUTPUTS[function])
    calls, calls_of_many = calls_of_sample(call), calls_of_sample(many)

    def sample():
        each = seconds_of(many, calls_of_many) / MANY_IN_CACHE
        seconds = seconds_of(call, calls)
        return seconds, seconds - n * each

    seconds, overhead = zip(*until_settled(sample, **effort))
    return {"seconds": statistics.median(seconds), "crops/s": n / statistics.median(seconds), "spread": spread(seconds),
            "overhead": statistics.median(overhead), "samples": len(seconds)}


def alone(stacks, function: str, method: str, threads: int, n: int, **effort) -> dict:
    call = stacks.python_call(function, method, threads, n)
    calls = calls_of_sample(call)
    seconds = [taken[0] for taken in until_settled(lambda: (seconds_of(call, calls),), **effort)]
    return {"seconds": statistics.median(seconds), "crops/s": n / statistics.median(seconds), "spread": spread(seconds),
            "samples": len(seconds)}


# ------------------------------------------------------------------------------------------------------------ the calls


class Stacks:
    """Crops of one size as float32, the same ones again and again, and their columns."""

    def __init__(self, folder: Path, n: int):
        self.camera, self.spline = camera_of(folder), spline_of(folder)
        crops, columns = detections_of(folder / SIZE)
        self.n = n
        again = np.arange(n) % len(crops)
        self.crops = crops.astype(np.float32)[again]
        self.columns = {name: column[again] for name, column in columns.items()}
        self.lumicrop_spline = lumicrop.Spline(**self.spline)

    def python_call(self, function: str, method: str, threads: int, n: int) -> Callable[[], np.ndarray]:
        """A call as a user writes it, its arguments at hand."""
        columns = {name: column[:n] for name, column in self.columns.items()}
        if function == "integrate_crop":
            arguments, named = dropin_arguments(method, self.crops[:n], columns, self.spline, self.camera, parallel=threads > 1)
            return lambda: lumicrop.integrate_crop(*arguments, **named)[0]
        camera = dict(gain=self.camera["gain"], qe=self.camera["qe"], pixel_nm=self.camera["pixel_nm"])
        if method == "sum":
            channel, named = lumicrop.Channel(self.crops[:n], method="sum", **camera), {}
        else:
            channel = lumicrop.Channel(self.crops[:n], model=MODELS[method], spline=self.lumicrop_spline, **camera)
            named = {name: columns[name] for name in ("X0", "Y0", "x_fit", "y_fit", *COLUMNS[method])}
            named["os_fit"] = light_offset(columns, self.camera)
        context = lumicrop.Context("cpu", threads=threads)
        return lambda: lumicrop.integrate(channel, **named, outputs="photons", dtype=np.float32, context=context).photons


class PreparedCall:
    """A call of the C ABI whose structs are made once."""

    def __init__(self, stacks: Stacks, method: str, threads: int, n: int, outputs: tuple[str, ...]):
        self._kept = []
        options, context = self._struct("options"), ffi.new("lumicrop_context**")
        options.backend, options.n_threads = lib.LUMICROP_BACKEND_CPU, threads
        check(lib.lumicrop_context_create(options, context))
        self._context = ffi.gc(context[0], lib.lumicrop_context_destroy)

        self._channel, self._detections, self._result = (self._struct(name) for name in ("channel", "detections", "result"))
        self._channel.images = self._array(stacks.crops[:n])
        for field in ("gain", "qe"):
            setattr(self._channel, field, stacks.camera[field])
        self._detections.n = n
        if method == "sum":
            self._channel.method = lib.LUMICROP_SUM
        else:
            self._channel.method = lib.LUMICROP_FILTER
            self._channel.model = getattr(lib, f"LUMICROP_{MODELS[method].upper()}")
            self._channel.pixel_x_nm = self._channel.pixel_y_nm = stacks.camera["pixel_nm"]
            self._channel.spline = self._spline(stacks.spline)
            columns = {**stacks.columns, "os_fit": light_offset(stacks.columns, stacks.camera)}
            for name in ("X0", "Y0", "x_fit", "y_fit", "os_fit", *COLUMNS[method]):
                setattr(self._detections, name, self._array(columns[name][:n]))
        for name in outputs:
            column = np.zeros(n, np.float32)
            setattr(self._result, name, self._array(column))
            if name == "photons":
                self._photons = column

    def __call__(self) -> np.ndarray:
        check(lib.lumicrop_integrate(self._context, self._channel, 1, self._detections, self._result))
        return self._photons

    def _struct(self, name: str):
        made = ffi.new(f"lumicrop_{name}*")
        check(getattr(lib, f"lumicrop_{name}_init")(made, ffi.sizeof(made[0])))
        return made

    def _array(self, values: np.ndarray):
        made = ffi.new("lumicrop_array*")
        data = ffi.cast("void*", values.ctypes.data)
        check(lib.lumicrop_array_init(made, ffi.sizeof(made[0]), data, DTYPES[values.dtype], values.ndim, list(values.shape)))
        self._kept += [made, values]
        return made

    def _spline(self, spline: dict):
        made = ffi.new("lumicrop_spline**")
        check(lib.lumicrop_spline_create(*(self._array(spline[name]) for name in ("tx", "ty", "tz", "coefficients")), made))
        self._kept.append(ffi.gc(made[0], lib.lumicrop_spline_destroy))
        return self._kept[-1]


if __name__ == "__main__":
    main()
