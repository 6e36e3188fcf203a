"""What has to be reached, by two threads of a processor with AVX-512 unless a bar says otherwise, and whether it was."""

from collections.abc import Callable
from dataclasses import dataclass

AT_THE_LIMIT = 0.7  # share of the read bandwidth from which a second thread has not as much to read as the first


@dataclass(frozen=True)
class Run:
    """What a run measured: its rows, with T for all threads where they are asked for, and the machine."""

    rows: dict
    machine: dict

    def row(self, name: str) -> dict:
        return self.rows.get(name.replace("threads:T", f"threads:{self.machine['threads']}"), {})

    def value(self, name: str, kind: str):
        return self.row(name).get(kind)

    def with_spread(self, name: str, kind: str, spread: str = "spread"):
        """A value and how far its samples spread; None where it was not measured."""
        row = self.row(name)
        return (row[kind], row.get(spread)) if kind in row else None

    def extreme(self, choose: Callable, begin: str, kind: str):
        """The least or the largest value of the rows whose names begin so, and how far its samples spread."""
        found = [(row[kind], row.get("spread")) for name, row in self.rows.items() if name.startswith(begin) and kind in row]
        return choose(found, key=lambda one: one[0], default=None)


@dataclass(frozen=True)
class Bar:
    what: str
    bar: float
    measured: Callable[[Run], tuple | None]  # a value, and the spread of its samples or None
    shown: str  # a format of the bar's and the measured value
    at_most: bool = False
    excused: Callable[[Run], str] = lambda run: ""  # why it does not count where it is missed

    def verdict(self, run: Run) -> dict | None:
        found = self.measured(run)
        if found is None:
            return None
        value, spread = found
        reached = value <= self.bar if self.at_most else value >= self.bar
        return {"what": self.what, "bar": self.bar, "measured": value, "spread": spread, "shown": self.shown,
                "at most": self.at_most, "reached": reached, "excused": "" if reached else self.excused(run)}


def verdicts(run: Run) -> list[dict]:
    """Of the bars for which something was measured."""
    return [verdict for bar in BARS if (verdict := bar.verdict(run))]


def quotient(value, other):
    return value / other if value and other else None


def spoken(method: str) -> str:
    return {"sum": "border-median sum", "filter/gauss": "rotated gauss"}.get(method, method.removeprefix("filter/"))


SHARE = "{:.1%} of read bandwidth"


def share_name(method: str, crops: str) -> str:
    """Of crops such as 11x11/f32."""
    return f"{spoken(method)}, {crops.replace('/', ', ')}"


def share(method: str, crops: str, bar: float) -> Bar:
    return Bar(share_name(method, crops), bar, lambda run: run.with_spread(f"{method}/{crops}/threads:T", "share"), SHARE)


def over_seed(method: str, bar: float) -> Bar:
    def measured(run):
        row = run.row(f"{method}/11x11/f32/threads:T")
        ratio = quotient(row.get("crops/s"), row.get("seed", {}).get("crops/s"))
        return (ratio, row.get("spread")) if ratio else None

    return Bar(f"{spoken(method)}, 11x11, f32", bar, measured, "{:.3g} x the seed")


def ratio(what: str, name: str, bar: float) -> Bar:
    """Of a row's rate to that of the row with which it took turns."""
    return Bar(what, bar, lambda run: run.with_spread(name, "ratio", "spread of ratio"), "{:.3g} of the rate")


def gathered(method: str) -> Bar:
    return ratio(f"gathered in scan order over given, {spoken(method)}, u16",
                 f"{method}/11x11/u16/threads:T/gathered:scan-order", 0.7)


def padded(method: str, dtype: str) -> Bar:
    return ratio(f"every tenth crop padded over clean, {spoken(method)}, {dtype}",
                 f"{method}/11x11/{dtype}/threads:T/padded:every-tenth", 0.6)


def avx2(method: str) -> Bar:
    return ratio(f"avx2 over avx512, {spoken(method)}", f"{method}/11x11/f32/threads:T/isa:avx2", 0.5)


def over_filter(method: str, what: str, bar: float) -> Bar:
    return ratio(f"{what} over the filter, isogauss, 11x11, f32", f"{method}/isogauss/11x11/f32/threads:T", bar)


def scaling(method: str) -> Bar:
    name = f"{method}/11x11/f32/threads:T"

    def measured(run):
        return run.with_spread(name, "ratio", "spread of ratio") if int(run.machine["threads"]) == 2 else None

    def excused(run):
        reading = run.value(name, "share") or 0
        return f"at {reading:.0%} of read bandwidth" if reading >= AT_THE_LIMIT else ""

    return Bar(f"one thread to two, {spoken(method)}", 1.8, measured, "{:.3g} x", excused=excused)


def overhead(what: str, begin: str, seconds: float) -> Bar:
    def measured(run):
        longest = run.extreme(max, begin, "overhead")
        return longest and (1e6 * longest[0], longest[1])

    return Bar(what, 1e6 * seconds, measured, "{:.3g} microseconds", at_most=True)


def of_c(function: str) -> Bar:
    return Bar(f"Python's `{function}` over C, 100,000 crops and more (slowest row)", 0.85,
               lambda run: run.extreme(min, f"python/{function}/", "of C"), "{:.1%} of the rate")


def largest_error(run: Run):
    largest = run.extreme(max, "", "error")
    return largest and (largest[0], None)


def library_mib(run: Run):
    known = run.machine["cuda"] == "not in this build" and "library_bytes" in run.machine
    return (run.machine["library_bytes"] / 2**20, None) if known else None


BOUND_BY_MEMORY = ("sum", "filter/isogauss")
MODELS = ("sum", "filter/isogauss", "filter/gauss", "filter/spline")

BARS = (
    *(share(method, "11x11/f32", 0.5) for method in BOUND_BY_MEMORY),
    *(share(method, "11x11/u16", 0.3) for method in BOUND_BY_MEMORY),
    *(share(method, f"{size}/f32", 0.4) for size in ("7x7", "15x15") for method in BOUND_BY_MEMORY),
    over_seed("filter/gauss", 40),
    over_seed("filter/spline", 150),
    *map(gathered, BOUND_BY_MEMORY),
    *(padded(*row) for row in (("sum", "f32"), ("sum", "u16"), ("filter/isogauss", "f32"), ("filter/isogauss", "u16"))),
    *map(avx2, MODELS),
    *map(scaling, MODELS),
    over_filter("errors", "the filter with its standard error and chi-square", 0.6),
    over_filter("joint", "joint", 0.6),
    over_filter("optimal", "optimal", 0.25),
    over_filter("mle", "mle", 0.12),
    overhead("overhead of a call of the C ABI, 1 and 100 crops (longest row)", "call/", 5e-6),
    *(overhead(f"overhead of Python's `{function}`, 1 and 100 crops (longest row)", f"python/call/{function}/", 30e-6)
      for function in ("integrate", "integrate_crop")),
    *map(of_c, ("integrate", "integrate_crop")),
    Bar("largest error of any row, in units of what is allowed", 1, largest_error, "{:.2g}", at_most=True),
    Bar("the library without CUDA", 8, library_mib, "{:.2g} MiB", at_most=True),
)

# Rates over another row's that have no bar: (what, row).
RATIOS = (
    *((f"gathered in any order over given, {spoken(method)}, u16", f"{method}/11x11/u16/threads:T/gathered:any-order")
      for method in BOUND_BY_MEMORY),
    ("one thread to all, gauss-unrotated", "filter/gauss-unrotated/11x11/f32/threads:T"),
    *((f"{isa} over {{isa}}, {spoken(method)}", f"{method}/11x11/f32/threads:T/isa:{isa}")
      for isa, methods in (("avx2", ("filter/gauss-unrotated",)), ("baseline", (*MODELS, "filter/gauss-unrotated")))
      for method in methods),
)
