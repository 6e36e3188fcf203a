#!/usr/bin/env python3
"""What the CUDA kernels would do on an H100, counted on the CUDA emulator. Predicted, not measured: no GPU is involved.

    scripts/predicted.py              builds what it needs, counts every case, prints the tables; about two minutes after the build
    scripts/predicted.py --check      also fails (exit status 1) where a bar below is missed
    scripts/predicted.py --update     also writes the tables into docs/benchmarks.md
    scripts/predicted.py --filter RE  only cases whose name matches
    --json PATH                       everything that was counted

Each case is one call of lumicrop with all arrays in device memory (bench/predicted.cpp), for two numbers of crops; figures are
the difference over the difference, so what a call costs once is not in them. The emulator executes the PTX of the build and
counts (its README, section Report); registers and loads in flight are read off the machine code that ptxas makes for sm_90
of that same PTX, as nvcc does.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD, EMULATOR = ROOT / "build/emulated", ROOT / "build/cuda-emulator"
PAGE = ROOT / "docs/benchmarks.md"
BEGIN, END = "<!-- predicted begin -->", "<!-- predicted end -->"

DEVICE = "H100 SXM"  # of the emulator's model
RESOURCES = ("issue", "fp32", "fp64", "int32", "sfu", "convert", "lsu", "l1", "dram")
METHODS = ("sum", "filter/isogauss", "filter/gauss-unrotated", "filter/gauss", "filter/spline")
ESTIMATORS = ("errors/isogauss", "joint/isogauss", "optimal/isogauss", "mle/isogauss")
CASES = [f"{method}/{side}x{side}/{dtype}" for method in METHODS for side in (7, 11, 15) for dtype in ("f32", "u16")]
CASES += [f"{method}/11x11/{dtype}" for method in ESTIMATORS for dtype in ("f32", "u16")]
CROPS = (2048, 6144)  # whole tiles of 32 crops
CACHED = ("small_spline.cuh", "spline_pixels.cuh", "team_spline.cuh", "spline_basis.cuh", "bspline.hpp")  # read a spline's tables, which caches hold

# Bars. Sectors are the 32 bytes in which memory is moved.
MOST_BYTES = 1.05  # of DRAM, over what must be read and written
LEAST_EFFICIENCY = 0.95, 0.90  # bytes asked for, over bytes of the sectors that were moved: where DRAM binds, elsewhere
LEAST_IN_FLIGHT = 32 * 1024  # bytes of reads on their way to a multiprocessor, kernels of small crops
MOST_REPLAYS = 0.05  # of accesses to shared memory
DRAM_BINDS = ("sum/", "filter/isogauss/")
LEAST_MARGIN = 1.5  # of DRAM over what comes next, where DRAM binds
MOST_OVER_DRAM = 3.0  # times DRAM's time, elsewhere
MOST_OVER_FILTER = 12.0  # warp instructions of an estimator over the filter's of the same PSF and crops, where estimators are predicted
MOST_PADDED = 1.5  # instructions where every tenth crop is padded, over clean ones


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--filter", default="")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--program", type=Path, help="a lumicrop_predicted that is built already; nothing is built then")
    parser.add_argument("--emulator", type=Path, default=EMULATOR, help="folder of the built emulator")
    chosen = parser.parse_args()
    if chosen.update and chosen.filter:
        parser.error("--update wants all cases")
    if not chosen.program:
        build()
        chosen.program = BUILD / "lumicrop_predicted"

    counter = Counter(chosen.program, chosen.emulator)
    cases = [case for case in CASES if re.search(chosen.filter, case)]
    rows = {}
    for case in cases:
        rows[case] = row_of(counter, case)
        print(f"\r{len(rows)} of {len(cases)} cases", end="" if len(rows) < len(cases) else "\n", file=sys.stderr, flush=True)
    kernels = MachineCode(counter.ptx).kernels()
    for row in rows.values():
        add_in_flight(row, kernels)
    missed = [text for case, row in rows.items() for text in misses(case, row, rows)]
    text = "\n\n".join([heading(), case_table(rows), kernel_table(rows), verdict(missed)])
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")
    if chosen.update:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}")
    print(text)
    if chosen.check and missed:
        sys.exit(1)


def build() -> None:
    """The library for the emulator as scripts/emulated.sh makes it, and the program that calls it."""
    if status := subprocess.run([ROOT / "scripts/emulated.sh", "true"]).returncode:
        sys.exit(status)
    log = ROOT / "build/logs/build-predicted.log"
    with log.open("w") as out:
        for command in (
            ["cmake", "--preset", "emulated", "-DLUMICROP_BENCHMARKS=ON"],
            ["cmake", "--build", BUILD, "--target", "lumicrop_predicted"],
        ):
            if subprocess.run(command, cwd=ROOT, stdout=out, stderr=out).returncode:
                sys.exit(f"{log.read_text()}\nerror: this failed: {' '.join(map(str, command))}")


# ------------------------------------------------------------------------------------------------------------- counting


class Counter:
    """Runs cases on the emulator."""

    def __init__(self, program: Path, emulator: Path):
        self.program, self.emulator = program, emulator
        self.folder = tempfile.TemporaryDirectory()
        self.ptx: set[str] = set()  # of every module that was loaded

    def run(self, case: str, crops: int, *words: str) -> dict:
        report = Path(self.folder.name) / "report.json"
        environment = dict(os.environ, CUEMU_REPORT=str(report), CUEMU_CHECKS="none", CUEMU_MODEL="all")
        environment["CUEMU_DUMP_PTX"] = str(Path(self.folder.name) / "loaded")
        done = subprocess.run([self.emulator / "cuemu", "--", self.program, case, str(crops), *words],
                              env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{case}, {crops} crops: {done.stdout}{done.stderr}")
        kernels = json.loads(report.read_text())["kernels"]
        if not kernels:
            sys.exit(f"{case}: no kernel ran")
        for module in Path(self.folder.name).glob("loaded.*.ptx"):
            self.ptx.add(module.read_text())
            module.unlink()
        return {**json.loads(done.stdout), "kernels": kernels}


def totals(run: dict) -> dict:
    """Over the kernels of a call."""
    made = {"instructions": 0, "bytes": 0, "sectors": 0, "useful": 0.0, "moved": 0, "requests": 0, "conflicts": 0}
    made.update(dict.fromkeys(RESOURCES, 0.0))
    for kernel in run["kernels"]:
        made["instructions"] += kernel["warp_instructions"]
        made["moved"] += kernel["global"]["unique_bytes"]
        made["requests"] += kernel["shared"]["requests"]
        made["conflicts"] += kernel["shared"]["conflicts"]
        for access in kernel["accesses"]:
            if access["class"] in ("ld_global", "st_global") and file_of(access) not in CACHED:
                # Lanes that ask for the same bytes make one access look better than full use: no more than all is counted.
                made["useful"] += min(access["bytes"], 32 * access["sectors"])
                made["sectors"] += access["sectors"]
        model = next(model for model in kernel["model"] if model["device"] == DEVICE)
        for resource in RESOURCES:
            made[resource] += model[f"{resource}_us"]
    return made


def file_of(access: dict) -> str:
    return Path(access["at"].rpartition(":")[0]).name


def row_of(counter: Counter, case: str) -> dict:
    few, many, padded = counter.run(case, CROPS[0]), counter.run(case, CROPS[1]), counter.run(case, CROPS[1], "padded")
    begin, end, odd = totals(few), totals(many), totals(padded)
    each = {name: (end[name] - begin[name]) / (CROPS[1] - CROPS[0]) for name in end}
    nanoseconds = {resource: 1e3 * each[resource] for resource in RESOURCES}
    ranked = sorted(RESOURCES, key=nanoseconds.get, reverse=True)
    kernel = max(many["kernels"], key=lambda kernel: kernel["warp_instructions"])
    compulsory = many["pixel_bytes"] + many["column_bytes"]
    return {
        "DRAM bytes a crop": each["moved"],
        "compulsory bytes a crop": compulsory,
        "pixel bytes a crop": many["pixel_bytes"],
        "sector efficiency": each["useful"] / (32 * each["sectors"]),
        "warp instructions a crop": each["instructions"],
        "conflict replays": each["conflicts"] / each["requests"] if each["requests"] else 0.0,
        "bound by": ranked[0],
        "next": ranked[1],
        "margin": nanoseconds[ranked[0]] / nanoseconds[ranked[1]],
        "over DRAM": nanoseconds[ranked[0]] / nanoseconds["dram"],
        "nanoseconds a crop": nanoseconds,
        "padded over clean": odd["instructions"] / end["instructions"],
        "crops": CROPS[1],
        "kernel": kernel["kernel"],
        "kernels": [kernel["kernel"] for kernel in many["kernels"]],
        "threads": kernel["last_block"][0] * kernel["last_block"][1] * kernel["last_block"][2],
        "shared": kernel["shared_per_block"],
        "crops a block": many["crops"] / kernel["blocks"] * kernel["launches"],
        "lines": kernel["lines"],
        "accesses": kernel["accesses"],
    }


# --------------------------------------------------------------------------------------------------------- machine code


class MachineCode:
    """The PTX that ran, as ptxas compiles it for sm_90."""

    def __init__(self, sources: set[str]):
        self.sources = sources

    def kernels(self) -> dict:
        """By name: registers, bytes spilled, and loads from global memory."""
        made = {}
        for text in self.sources:
            if not re.search(r"^\s*(\.visible )?\.entry", text, re.MULTILINE):
                continue
            cubin = ROOT / "build/predicted" / (hashlib.sha256(text.encode()).hexdigest()[:24] + ".cubin")
            messages = cubin.with_suffix(".log")
            if not messages.exists():
                cubin.parent.mkdir(parents=True, exist_ok=True)
                source = cubin.with_suffix(".ptx")
                source.write_text(text)
                done = subprocess.run(["ptxas", "-v", "-arch=sm_90", source, "-o", cubin], capture_output=True, text=True)
                if done.returncode:
                    sys.exit(done.stdout + done.stderr)
                source.unlink()
                messages.write_text(done.stdout + done.stderr)
            made.update(self.resources(messages.read_text()))
            for name, instructions in self.code(cubin).items():
                made[name]["loads"] = loads_in_flight(instructions)
        plain = subprocess.run(["c++filt"], input="\n".join(made), capture_output=True, text=True, check=True).stdout
        return dict(zip(plain.splitlines(), made.values()))

    @staticmethod
    def resources(messages: str) -> dict:
        made = {}
        for part in messages.split("Compiling entry function '")[1:]:
            spilled = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", part)
            made[part.split("'")[0]] = {
                "registers": int(re.search(r"Used (\d+) registers", part)[1]),
                "stack": int(spilled[1]),
                "spilled": int(spilled[2]) + int(spilled[3]),
            }
        return made

    @staticmethod
    def code(cubin: Path) -> dict:
        """Instructions by kernel, in order."""
        made, name = {}, None
        listing = subprocess.run([cuda_tool("nvdisasm"), "-c", cubin], capture_output=True, text=True, check=True).stdout
        for line in listing.splitlines():
            if begins := re.match(r"\.text\.(\w+):", line):
                name = begins[1]
                made[name] = []
            elif name and (instruction := re.match(r"\s+/\*[0-9a-f]+\*/\s+(.*?)\s*;", line)):
                made[name].append(instruction[1])
            elif name and re.match(r"\.L_x_\d+:", line):
                made[name].append("label")
        return {name: instructions for name, instructions in made.items() if instructions}


def cuda_tool(name: str) -> Path:
    """A tool of the toolkit that not every toolkit brings: from its package on PyPI, in an environment of its own."""
    folder = ROOT / "build/cuda-tools"
    pattern = f"lib/python3*/site-packages/nvidia/**/bin/{name}"
    if not any(folder.glob(pattern)):
        venv.create(folder, with_pip=True)
        packages = "nvidia-cuda-cuobjdump", "nvidia-cuda-nvdisasm"
        subprocess.run([folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
    return next(iter(sorted(folder.glob(pattern))), None) or sys.exit(f"no {name} in {folder}: remove the folder and try again")


WIDTHS = {"128": 16, "64": 8, "U16": 2, "S16": 2, "U8": 1, "S8": 1}


def loads_in_flight(instructions: list[str]) -> dict:
    """By width: the most loads of that width that a warp has asked for before it must wait for the first of them.

    A warp issues in order and stops at the first instruction that names a register which is still to be loaded. Loads return in
    order, as good as always. Read along straight code: predicated loads count, at a label nothing is in flight.
    """
    most: dict[int, int] = {}
    waiting: list[tuple[int, set]] = []
    for instruction in instructions:
        if instruction == "label":
            waiting = []
            continue
        load = re.match(r"(?:@!?U?P\d+ )?LDG\.([\w.]+) R(\d+), (.*)", instruction)
        named = registers(load[3] if load else instruction)
        for place in range(len(waiting) - 1, -1, -1):
            if waiting[place][1] & named:
                waiting = waiting[place + 1 :]
                break
        if load:
            width = next((WIDTHS[part] for part in load[1].split(".") if part in WIDTHS), 4)
            first = int(load[2])
            waiting.append((width, set(range(first, first + max(1, width // 4)))))
            most[width] = max(most.get(width, 0), sum(1 for other, _ in waiting if other == width))
    return most


def registers(text: str) -> set:
    """Registers that an instruction names, those in pairs included."""
    named = set()
    text = re.sub(r"^@!?U?P\w+ ", "", text)
    wide = 4 if ".128" in text else 2 if re.match(r"D[A-Z]|\S*\.(64|F64|WIDE)|\S+ .*\.64", text) else 1
    for register in re.findall(r"\bR(\d+)", text):
        named.update(range(int(register), int(register) + wide))
    return named


# An SM of compute capability 9.0: CUDA programming guide, technical specifications.
WARPS, BLOCKS, REGISTERS, SHARED, SHARED_OF_SYSTEM = 64, 32, 65536, 228 * 1024, 1024


def blocks_on_multiprocessor(threads: int, registers_each: int, shared: int) -> tuple[int, str]:
    """How many blocks one holds, and what keeps out the next."""
    warps = (threads + 31) // 32
    registers_a_warp = (32 * registers_each + 255) // 256 * 256
    limits = {
        "warps": WARPS // warps,
        "blocks": BLOCKS,
        "registers": 4 * (REGISTERS // 4 // registers_a_warp) // warps,  # each quarter holds whole warps
        "shared memory": SHARED // ((shared + 127) // 128 * 128 + SHARED_OF_SYSTEM),
    }
    limit = min(limits, key=limits.get)
    return limits[limit], limit


def add_in_flight(row: dict, kernels: dict) -> None:
    code = kernels[row["kernel"]]
    blocks, limit = blocks_on_multiprocessor(row["threads"], code["registers"], row["shared"])
    row.update({name: code[name] for name in ("registers", "stack", "spilled")})
    row.update({"blocks on an SM": blocks, "warps on an SM": blocks * ((row["threads"] + 31) // 32), "limited by": limit})
    # The load that brings most of the pixels, and how many of its width stand together.
    loads = [access for access in row["accesses"] if access["class"] == "ld_global" and file_of(access) not in CACHED]
    pixels = max(loads, key=lambda access: access["bytes"])
    width = next(size for size in (1, 2, 4, 8, 16) if pixels["bytes"] <= 32 * size * pixels["requests"])
    row["load width"], row["loads in flight"] = width, code["loads"].get(width, 0)
    row["in flight"] = row["warps on an SM"] * 32 * width * row["loads in flight"]


# ----------------------------------------------------------------------------------------------------- how it is shown


def small(row: dict) -> bool:
    return "_small<" in row["kernel"]


def name_of(row: dict) -> str:
    return re.search(r"(\w+<[^>]*>|\w+)(\(|$)", row["kernel"].replace("(anonymous namespace)::", "").removeprefix("void "))[1]


def misses(case: str, row: dict, rows: dict) -> list[str]:
    made = []
    estimates = case.startswith(ESTIMATORS)
    if row["DRAM bytes a crop"] > MOST_BYTES * row["compulsory bytes a crop"]:
        made.append(f"{row['DRAM bytes a crop']:.0f} bytes a crop where {row['compulsory bytes a crop']} are compulsory")
    if row["sector efficiency"] < LEAST_EFFICIENCY[not case.startswith(DRAM_BINDS)]:
        made.append(f"{row['sector efficiency']:.0%} of the sectors' bytes were asked for")
    if small(row) and not estimates and row["in flight"] < LEAST_IN_FLIGHT:
        made.append(f"{row['in flight'] / 1024:.0f} KiB in flight")
    if row["conflict replays"] > MOST_REPLAYS:
        made.append(f"{row['conflict replays']:.0%} of the accesses to shared memory are replayed")
    if row["spilled"] or row["stack"]:
        made.append(f"{row['spilled']} bytes are spilled, {row['stack']} on a stack")
    if case.startswith(DRAM_BINDS) and (row["bound by"] != "dram" or row["margin"] < LEAST_MARGIN):
        made.append(f"{row['bound by']} binds, {row['margin']:.2f} x {row['next']}")
    if not estimates and row["over DRAM"] > MOST_OVER_DRAM:
        made.append(f"{row['bound by']} takes {row['over DRAM']:.2f} x DRAM's time")
    plain = rows.get("filter/isogauss" + case[case.index("/", case.index("/") + 1) :])
    if estimates and plain and row["warp instructions a crop"] > MOST_OVER_FILTER * plain["warp instructions a crop"]:
        made.append(f"{row['warp instructions a crop'] / plain['warp instructions a crop']:.1f} x the filter's instructions")
    if row["padded over clean"] > MOST_PADDED:
        made.append(f"{row['padded over clean']:.2f} x the instructions where crops are padded")
    return [f"`{case}`: {text}" for text in made]


def heading() -> str:
    return (
        f"By `scripts/predicted.py --update` at commit {commit()}. Counted on the CUDA emulator for {DEVICE} (3,350 GB/s, 132 multiprocessors at 1.98 GHz); "
        "PTX is not machine code, so times are lower bounds that compare designs and show what limits."
    )


def commit() -> str:
    def git(*arguments):
        return subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=ROOT).stdout.strip()

    changed = git("status", "--porcelain", "--", "src", "include", "bench", "CMakeLists.txt", "cmake")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")


def case_table(rows: dict) -> str:
    lines = [
        "| case | DRAM bytes a crop | over compulsory | sector efficiency | warp instructions a crop | replays | bound by (margin over) | x DRAM's time | M crops/s at most | in flight | padded |",
        "|---|--:|--:|--:|--:|--:|---|--:|--:|--:|--:|",
    ]
    for case, row in rows.items():
        in_flight = f"{row['in flight'] / 1024:.0f} KiB" if small(row) else ""
        lines.append(
            f"| `{case}` | {row['DRAM bytes a crop']:.0f} | {row['DRAM bytes a crop'] / row['compulsory bytes a crop']:.3f} | "
            f"{row['sector efficiency']:.1%} | {row['warp instructions a crop']:.1f} | {row['conflict replays']:.1%} | "
            f"{row['bound by']} ({row['margin']:.2f} x {row['next']}) | {row['over DRAM']:.2f} | "
            f"{1e3 / row['nanoseconds a crop'][row['bound by']]:,.0f} | {in_flight} | {row['padded over clean']:.2f} |"
        )
    return "\n".join(lines)


def kernel_table(rows: dict) -> str:
    lines = [
        "| kernel on sm_90 | registers | spilled bytes | shared bytes a block | threads | warps on an SM | limited by |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    seen = {}
    for case, row in rows.items():
        name = name_of(row) if small(row) else f"{name_of(row)}, {case.split('/')[-2]}"  # which takes shared memory by the crop's size
        seen.setdefault((name, row["shared"], row["threads"]), row)
    for (name, shared, threads), row in sorted(seen.items(), key=lambda item: (item[0][0].split("<")[0], len(item[0][0]), item[0])):
        lines.append(
            f"| `{name}` | {row['registers']} | {row['spilled']} | {shared} | {threads} | {row['warps on an SM']} | {row['limited by']} |"
        )
    return "\n".join(lines)


def verdict(missed: list[str]) -> str:
    bars = (
        f"Bars: DRAM bytes at most {MOST_BYTES:.2f} x what must be read (pixels as stored, columns) and written; sector efficiency at least "
        f"{LEAST_EFFICIENCY[0]:.0%} for sum and isogauss, {LEAST_EFFICIENCY[1]:.0%} for all others (but for a spline's tables, which the caches hold); small crops with {LEAST_IN_FLIGHT // 1024} KiB of reads in flight a multiprocessor; "
        f"at most {MOST_REPLAYS:.0%} replays; nothing spilled; sum and isogauss bound by DRAM, {LEAST_MARGIN} x what comes next; all other filters at most {MOST_OVER_DRAM:.0f} x DRAM's time; "
        f"errors, joint, optimal and mle at most {MOST_OVER_FILTER:.0f} x the filter's instructions; "
        f"every tenth crop padded at most {MOST_PADDED} x the instructions of clean ones."
    )
    if not missed:
        return bars + " All are reached."
    return bars + " Missed:\n\n" + "\n".join(f"- {text}" for text in missed)


if __name__ == "__main__":
    main()
