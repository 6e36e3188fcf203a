"""What a run measured, as the text of docs/benchmarks.md."""

from bars import MODELS, RATIOS, Run, quotient, spoken
from samples import SETTLED

# What the page shows of sep and photutils stands beside this row.
BESIDE_OTHERS = "sum/11x11/u16/threads:1/gathered:scan-order"
SWEEP = {f"sweep/{method}/11x11/f32/threads:T": spoken(method) for method in MODELS}
SWEEP["python/sweep/integrate/filter/isogauss/11x11/f32/threads:T"] = "isogauss by Python"
MOST_SWEPT = 10_000_000

PICTURES = """![Share of the read bandwidth, by method, size of crop and type of pixel](images/benchmark-limit.svg)

![Crops per second over the number of crops in one call](images/benchmark-sweep.svg)"""


def page_of(run: Run, met: list[dict], others: dict, quick: bool) -> str:
    apart = ("call/", "sweep/", "python/", "cuda/")  # they have tables of their own
    whole = {name: row for name, row in run.rows.items() if "seconds" in row and not name.startswith(apart)}
    cuda = {name.removeprefix("cuda/"): row for name, row in run.rows.items() if name.startswith("cuda/")}
    of_calls = {name: row for name, row in run.rows.items() if name.startswith(("call/", "python/call/"))}
    parts = [
        heading(run.machine, quick), bars(met, run.machine), table(whole), ratios(run), sweep(run),
        calls("one call on the CPU", of_calls), python_rates(run), other_libraries(run, others), settling(run),
        cuda_heading(run.machine, cuda), cuda_table(cuda), calls("one call on the GPU, arrays in its memory", calls_of(cuda)),
    ]
    return "\n\n".join(part for part in parts if part)


def heading(machine: dict, quick: bool) -> str:
    if "seed" in machine:
        seed = f"Seed: {machine['seed']}."
    else:
        seed = f"The seed was not measured in this run{': ' + machine['seed skipped'] if 'seed skipped' in machine else ''}."
    lines = [
        f"Measured {machine['date']} at commit {machine['commit']} by `{machine['command']}`: {machine['processor']}, "
        f"{machine['cores']} cores, {machine['isa']}, {machine['compiler']}, {machine['system']}, transparent huge pages: "
        f"{machine['huge pages']}. Stacks and movies of {machine['stack_mib']} MiB; the last cache reports {machine['last_cache_mib']} MiB. "
        + (f"{machine['python']}. " if "python" in machine else "")
        + seed
    ]
    if quick:
        lines.append("**A quick run: the stacks may fit into a cache, so shares of the read bandwidth mean little.**")
    return "\n\n".join(lines)


def markdown(head: str, lines: list[str], numbers_from: int = 1) -> str:
    """A table whose columns are numbers, but for the first ones; "" without lines."""
    columns = head.count("|") + 1
    ruler = "|".join("---" if column < numbers_from else "--:" for column in range(columns))
    return "\n".join([f"| {head} |", f"|{ruler}|", *(f"| {line} |" for line in lines)]) if lines else ""


def bars(met: list[dict], machine: dict) -> str:
    lines = []
    for bar in met:
        to_reach, measured = bar["shown"].format(bar["bar"]), bar["shown"].format(bar["measured"])
        outcome = "reached" if bar["reached"] else f"does not count: {bar['excused']}" if bar["excused"] else "**missed**"
        lines.append(f"{bar['what']} | {'at most ' if bar['at most'] else ''}{to_reach} | {measured} | {spread(bar)} | {outcome}")
    meant = machine["isa"] == "avx512" and machine["threads"] == "2"
    note = "" if meant or not lines else "\n\nThe bars are meant for two threads of a processor with AVX-512, which this is not."
    return markdown(f"bar ({machine['threads']} threads) | to reach | measured | spread | ", lines, numbers_from=5) + note


def table(rows: dict) -> str:
    lines = []
    for name, row in rows.items():
        seed, ratio = row.get("seed", {}), quotient(row.get("crops/s"), row.get("seed", {}).get("crops/s"))
        error = f"{row['error']:.1g}" if "error" in row else ""
        error += f" ({seed['error seed']:.1g})" if "error seed" in seed else ""
        lines.append(
            f"`{name}` | {millions(row.get('crops/s'))} | {gigabytes(row.get('bytes/s'))} | {percent(row.get('share'))} | {spread(row)} | "
            f"{'' if ratio is None else format(ratio, '.3g')} | {error}"
        )
    return markdown("row | M crops/s | GB/s | of read bandwidth | spread | x seed | error (seed's)", lines)


def gigabytes(a_second: float | None) -> str:
    """Nothing where a row has no rate of its own."""
    return "" if a_second is None else f"{a_second / 1e9:.2f}"


def millions(rate) -> str:
    return "" if rate is None else f"{rate / 1e6:.3g}"


def percent(share) -> str:
    return "" if share is None else f"{share:.0%}"


def spread(row: dict, kind: str = "spread") -> str:
    value = row.get(kind)
    return "" if value is None else f"{value:.1%}" if value <= SETTLED else f"**{value:.1%}**"


def settling(run: Run) -> str:
    spreads = [max(row["spread"], row.get("spread of ratio", 0)) for row in run.rows.values() if "spread" in row]
    unsettled = sum(value > SETTLED for value in spreads)
    said = f"{len(spreads) - unsettled} of {len(spreads)} rows settled to a spread of {SETTLED:.0%} or less"
    return f"{said}{'; the spread of the others is in bold' if unsettled else ''}." if spreads else ""


def ratios(run: Run) -> str:
    lines = [f"{what.format(isa=run.machine['isa'])} | {row['ratio']:.2f} | {spread(row, 'spread of ratio')}"
             for what, name in RATIOS if "ratio" in (row := run.row(name))]
    return markdown("rates of rows that took turns | ratio | spread", lines)


def sweep(run: Run) -> str:
    """A line for each number of crops, a column for each method."""
    numbers = sorted({int(name.split("/crops:")[1]) for name in run.rows if "sweep/" in name})
    lines = []
    for n in numbers:
        rates = []
        for begin in SWEEP:
            row = run.row(f"{begin}/crops:{n}")
            rates.append(f"{row['crops/s'] / 1e6:.3g} ({spread(row)})" if row else "")
        lines.append(f"{n:,} | " + " | ".join(rates))
    text = markdown("crops in one call, 11x11, f32: M crops/s (spread) | " + " | ".join(SWEEP.values()), lines)
    if numbers and numbers[-1] < MOST_SWEPT:
        text += f"\n\n{10 * numbers[-1]:,} crops and more are left out: more than a quarter of the memory, or a quick run."
    return text


def calls_of(rows: dict) -> dict:
    return {name: row for name, row in rows.items() if name.startswith("call/")}


def calls(what: str, rows: dict) -> str:
    lines = []
    for name, row in rows.items():
        overhead = f"{row['overhead'] * 1e6:.2f}" if "overhead" in row else ""
        lines.append(f"`{name.replace('call/', '')}` | {row['seconds'] * 1e6:.2f} | {overhead} | {spread(row)}")
    return markdown(f"{what} | microseconds | of them overhead | spread", lines)


def python_rates(run: Run) -> str:
    lines = [
        f"`{name.removeprefix('python/')}` | {millions(row['crops/s'])} | {percent(row['of C'])} | "
        f"{percent(row['of C for photons alone'])} | {spread(row)}"
        for name, row in run.rows.items() if "of C" in row
    ]
    return markdown("Python's call | M crops/s | of C's rate | of C's rate for photons alone | spread", lines)


def other_libraries(run: Run, others: dict) -> str:
    ours, lines = run.value(BESIDE_OTHERS, "crops/s"), []
    for library, found in others.items():
        if "skipped" in found:
            lines.append(f"`{library}` | not measured: {found['skipped']} | | | ")
        for name, row in found.get("rows", {}).items():
            ratio = quotient(ours, row["crops/s"])
            lines.append(f"`{name}` {found['version']} | {row['computes']} | {row['crops/s'] / 1e6:.3f} | {spread(row)} | "
                         f"{'' if ratio is None else format(ratio, '.3g')}")
    note = "\n\nThese count photons in circles and project on no PSF; what they compute is not lumicrop's estimate."
    if ours:
        note += f" lumicrop: `{BESIDE_OTHERS}`, {millions(ours)} M/s, on the same movie and detections."
    head = "others, one thread | computes, radius 5 px, annulus 6 to 7 px | M apertures/s | spread | lumicrop is faster by"
    return markdown(head, lines, numbers_from=2) + note if lines else ""


def cuda_heading(machine: dict, rows: dict) -> str:
    if not rows:
        return f"No rows of the CUDA backend: {machine['cuda']}."
    if machine["cuda_emulated"] == "yes":
        return f"**CUDA on {machine['cuda_device']}: an emulator. The rows show that they run; their times mean nothing.**"
    return f"CUDA on {machine['cuda_device']}, arrays in its memory unless the name says host."


def cuda_table(rows: dict) -> str:
    lines = [
        f"`{name}` | {millions(row.get('crops/s'))} | {gigabytes(row['bytes/s'])} | {percent(row.get('share'))} | {spread(row)} | "
        f"{'' if 'error' not in row else format(row['error'], '.1g')}"
        for name, row in rows.items() if not name.startswith("call/") and "bytes/s" in row
    ]
    return markdown("CUDA row | M crops/s | GB/s | of bandwidth | spread | error", lines)
