"""The tables of scripts/bench.sh: bars are judged by what was measured, spreads that did not settle are seen, and the page is whole."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
MACHINE = {"threads": "2", "isa": "avx512", "cuda": "not in this build", "library_bytes": 3 * 2**20}


@pytest.fixture(autouse=True)
def modules_of_the_benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))


def run_of(rows, **machine):
    from bars import Run

    return Run(rows, MACHINE | machine)


def outcomes(rows, **machine):
    from bars import verdicts

    return {verdict["what"]: verdict for verdict in verdicts(run_of(rows, **machine))}


@pytest.mark.parametrize(("share", "reached"), [(0.5, True), (0.49, False)])
def test_a_bar_is_reached_by_what_it_asks_for_and_by_nothing_less(share, reached):
    made = outcomes({"sum/11x11/f32/threads:2": {"share": share}})
    assert made["border-median sum, 11x11, f32"]["reached"] is reached


def test_what_was_not_measured_has_no_verdict():
    assert set(outcomes({})) == {"the library without CUDA"}
    assert set(outcomes({"sum/11x11/f32/threads:1": {"share": 0.9}}, cuda="using GPU 0")) == set()


def test_the_longest_call_is_held_against_the_bar_on_overheads():
    calls = {f"call/sum/11x11/f32/threads:1/crops:{n}": {"overhead": seconds} for n, seconds in ((1, 1e-6), (100, 6e-6))}
    made = outcomes(calls)["overhead of a call of the C ABI, 1 and 100 crops (longest row)"]
    assert made["measured"] == pytest.approx(6) and not made["reached"]


def test_the_slowest_of_pythons_rows_is_held_against_the_bar():
    rows = {f"python/integrate/sum/11x11/f32/threads:2/crops:{n}": {"of C": share} for n, share in ((100_000, 0.8), (1_000_000, 0.9))}
    made = outcomes(rows)["Python's `integrate` over C, 100,000 crops and more (slowest row)"]
    assert made["measured"] == 0.8 and not made["reached"]


@pytest.mark.parametrize(("share", "excused"), [(0.75, True), (0.65, False)])
def test_a_second_thread_need_not_help_at_the_limit_of_the_memory(share, excused):
    made = outcomes({"sum/11x11/f32/threads:2": {"crops/s": 1.5, "share": share, "ratio": 1.5}})
    assert not made["one thread to two, border-median sum"]["reached"]
    assert bool(made["one thread to two, border-median sum"]["excused"]) is excused


def test_rates_are_compared_with_the_seed_and_with_rows_that_took_turns():
    made = outcomes({
        "filter/gauss/11x11/f32/threads:2": {"crops/s": 41.0, "spread": 0.02, "seed": {"crops/s": 1.0}},
        "filter/gauss/11x11/f32/threads:2/isa:avx2": {"crops/s": 20.0, "ratio": 0.48, "spread": 0.02, "spread of ratio": 0.03}})
    assert made["rotated gauss, 11x11, f32"]["reached"]
    assert made["avx2 over avx512, rotated gauss"] == {
        "what": "avx2 over avx512, rotated gauss", "bar": 0.5, "measured": 0.48, "spread": 0.03, "shown": "{:.3g} of the rate",
        "at most": False, "reached": False, "excused": ""}


def test_samples_are_taken_until_they_agree():
    from samples import until_settled

    assert len(until_settled(lambda: (1.0,))) == 7
    values = iter([1.0, 9.0] * 4 + [5.0] * 100)
    assert 12 < len(until_settled(lambda: (next(values),))) < 40


def test_samples_that_never_agree_end_after_their_time():
    from samples import until_settled

    values = iter([1.0, 2.0] * 10)
    assert len(until_settled(lambda: (next(values),), seconds=0)) == 3


def test_the_spread_is_the_middle_half_over_the_median():
    from samples import spread

    assert spread([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(2 / 3)
    assert spread([4.0]) == 0


@pytest.fixture
def measured(tmp_path):
    """Files of a small run, and a page to write it into."""
    def row(name, milliseconds, **counters):
        return {"run_name": f"{name}/iterations:1/manual_time", "run_type": "iteration", "real_time": milliseconds,
                "time_unit": "ms", **counters}

    context = {"date": "2026-01-02T03:04:05", "lumicrop": "0.1.0", "isa": "avx512", "threads": "2", "compiler": "GCC", "stack_mib": "64",
               "last_cache_mib": "32", "cuda": "not in this build"}
    benchmarks = [
        row("read/threads:2", 2, **{"bytes/s": 3e10, "spread": 0.01, "samples": 7}),
        row("sum/11x11/f32/threads:2", 4, **{"crops/s": 3e7, "bytes/s": 1.5e10, "share": 0.5, "spread": 0.02, "samples": 7}),
        row("sum/11x11/u16/threads:2", 4, **{"crops/s": 3e7, "bytes/s": 8e9, "share": 0.2, "spread": 0.071, "samples": 90}),
        row("sum/11x11/u16/threads:1/gathered:scan-order", 9, **{"crops/s": 5e6, "bytes/s": 1e9, "share": 0.1, "spread": 0.02, "samples": 7}),
        row("call/sum/11x11/f32/threads:1/crops:1", 1e-3, **{"crops/s": 1e6, "overhead": 9e-7, "spread": 0.02, "samples": 7}),
        row("sweep/sum/11x11/f32/threads:2/crops:1000", 0.1, **{"crops/s": 1e7, "bytes/s": 5e9, "spread": 0.02, "samples": 7}),
    ]
    files = {
        "bench.json": {"context": context, "benchmarks": benchmarks},
        "errors.json": {"sum/11x11/f32": 0.01},
        "seed.json": {"skipped": "no Python was found"},
        "sep.json": {"version": "1.2", "rows": {"sep/sum_circle": {"computes": "a sum", "crops/s": 2.5e5, "spread": 0.01}}},
        "photutils.json": {"skipped": "it could not be installed"},
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    begin, end = (f"<!-- generated by scripts/bench.sh: {word} -->" for word in ("begin", "end"))
    (tmp_path / "page.md").write_text(f"before\n{begin}\nof yesterday\n{end}\nafter\n")
    return tmp_path


def test_a_run_becomes_a_page_and_a_file(measured):
    subprocess.run(
        [sys.executable, BENCH / "table.py", "--bench", "bench.json", "--errors", "errors.json", "--seed", "seed.json",
         "--others", "sep.json", "--others", "photutils.json", "--json", "out.json", "--update", "page.md"],
        cwd=measured, check=True, capture_output=True)
    page = (measured / "page.md").read_text()
    assert page.startswith("before\n") and page.endswith("after\n") and "yesterday" not in page
    for line in (
        "| border-median sum, 11x11, f32 | 50.0% of read bandwidth | 50.0% of read bandwidth | 2.0% | reached |",
        "| border-median sum, 11x11, u16 | 30.0% of read bandwidth | 20.0% of read bandwidth | **7.1%** | **missed** |",
        "| `sum/11x11/f32/threads:2` | 30 | 15.00 | 50% | 2.0% |  | 0.01 |",
        "| `sum/11x11/u16/threads:2` | 30 | 8.00 | 20% | **7.1%** |  |  |",
        "| `sum/11x11/f32/threads:1/crops:1` | 1.00 | 0.90 | 2.0% |",
        "| 1,000 | 10 (2.0%) |  |  |  |  |",
        "| `sep/sum_circle` 1.2 | a sum | 0.250 | 1.0% | 20 |",
        "| `photutils` | not measured: it could not be installed | | |  |",
    ):
        assert line in page
    assert "The seed was not measured in this run: no Python was found." in page
    assert "5 of 6 rows settled" in page
    assert "(images/benchmark-sweep.svg)" in page
    tables = [part.splitlines() for part in page.split("\n\n") if part.startswith("|")]
    assert all(len({len(re.findall(r"\|", line)) for line in table}) == 1 for table in tables)
    written = json.loads((measured / "out.json").read_text())
    assert {bar["what"]: bar["reached"] for bar in written["bars"]}["border-median sum, 11x11, u16"] is False
    assert written["rows"]["sum/11x11/f32/threads:2"]["error"] == 0.01
