#!/usr/bin/env python3
"""Look into a built liblumicrop.so: what code for which GPUs it holds, and what it asks of the system.

    scripts/cuda_code.py [--update] [LIBRARY]        (default: build/dev/src/liblumicrop.so)

Fails with a list of what is wrong: an architecture of nvcc's all-major (but Arm's own on x86-64) or the newest generation's PTX is missing; a kernel is not
there for every architecture; a kernel of ours uses local memory (a stack, spilled registers); a CUDA symbol is undefined; the
library is larger than 40 MiB; it does not load, or does not say what it knows of the CUDA backend, where there is no driver.
--update writes the table of registers and shared memory into docs/benchmarks.md. cuobjdump comes from PyPI (build/cuda-tools).
"""
import argparse
import ctypes
import os
import platform
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "build/cuda-tools"
PAGE = ROOT / "docs/benchmarks.md"
BEGIN, END = "<!-- cuda-kernels begin -->", "<!-- cuda-kernels end -->"
ARM_ONLY = {110}  # systems on a chip (cmake/cuda_architectures.cmake)
GENERATIONS = 100, 80  # the first of each that shares its PTX
LARGEST = 40 * 2**20  # bytes of the library
CUB_KERNEL = re.compile(r"\b(cub|thrust)::")


def output(*command):
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout


# ----------------------------------------------------------------------------------------------------- what is expected


def all_major():
    """Architectures that nvcc's all-major stands for, such as [75, 80, 90], and that of the newest generation's PTX."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "empty.cu"
        source.touch()
        plan = subprocess.run([os.environ.get("CUDACXX", "nvcc"), "--dryrun", "-arch=all-major", "-c", source], check=True,
                              stderr=subprocess.PIPE, text=True, cwd=folder).stderr
    elf = sorted(map(int, set(re.findall(r"kind=elf,sm=(\d+)", plan))))
    if not elf:
        sys.exit(f"nvcc does not say what all-major stands for:\n{plan}")
    if platform.machine() == "x86_64":
        elf = [sm for sm in elf if sm not in ARM_ONLY]
    return elf, next((first for first in GENERATIONS if first in elf), elf[-1])


def cuobjdump():
    """The tool, from the packages in build/cuda-tools."""
    def found():
        return next(iter(sorted(TOOLS.glob("lib/python3*/site-packages/nvidia/**/bin/cuobjdump"))), None)

    if found() is None:
        venv.create(TOOLS, with_pip=True)
        subprocess.run([TOOLS / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "nvidia-cuda-cuobjdump", "nvidia-cuda-nvdisasm"], check=True)
    return found() or sys.exit(f"no cuobjdump in {TOOLS}: remove the folder and try again")


# ------------------------------------------------------------------------------------------------- what the library holds


def resources(tool, library):
    """{demangled kernel: {architecture: {"REG": ..., "STACK": ..., "SHARED": ..., "LOCAL": ...}}}"""
    text = subprocess.run(["c++filt"], input=output(tool, "--dump-resource-usage", library), check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    kernels, architecture, kernel = {}, None, None
    for line in text.splitlines():
        if match := re.match(r"arch = sm_(\d+)", line):
            architecture = int(match[1])
        elif match := re.match(r"\s*Function (.*):$", line):
            kernel = match[1]
        elif kernel and (numbers := dict(re.findall(r"\b(REG|STACK|SHARED|LOCAL):(\d+)", line))):
            kernels.setdefault(kernel, {})[architecture] = {name: int(value) for name, value in numbers.items()}
            kernel = None
    return kernels


def short(kernel):
    """`sum_small<11, u16>` from `void lumicrop::cuda::(anonymous namespace)::sum_small<11, unsigned short>(lumicrop::View<...>)`."""
    depth, name = 0, kernel.replace("(anonymous namespace)::", "")
    for position, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0:
            name = name[:position]
            break
    name = re.sub(r"^[\w:]+ (?=\w)", "", name)
    name = re.sub(r"\b\w+::", "", name)
    name = re.sub(r"\((?:unsigned |signed )?\w+\)(?=-?\d)", "", name)
    for long, dtype in {"unsigned char": "u8", "unsigned short": "u16", "unsigned int": "u32", "short": "i16", "int": "i32",
                        "float": "f32", "double": "f64"}.items():
        name = re.sub(rf"\b{long}\b", dtype, name)
    if CUB_KERNEL.search(kernel):
        name = "cub::" + re.sub(r"<.*", "", name)
    return name


def table(kernels, architectures):
    """Markdown: kernels down, architectures across. A row for each kernel of ours, and one for all of CUB's of the same name."""
    rows = {}
    for kernel, by_architecture in kernels.items():
        rows.setdefault(short(kernel), []).append(by_architecture)

    def natural(name):
        return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]

    def cell(variants, architecture):
        there = [variant[architecture] for variant in variants if architecture in variant]
        if not there:
            return "-"
        registers, shared, stack = (sorted({numbers[key] for numbers in there}) for key in ("REG", "SHARED", "STACK"))
        text = f"{registers[0]}" if len(registers) == 1 else f"{registers[0]} to {registers[-1]}"
        if shared[-1]:
            text += f" / {shared[-1]}"
        if stack[-1]:
            text += f" (stack {stack[-1]})"
        return text

    lines = ["| kernel | " + " | ".join(f"sm_{architecture}" for architecture in architectures) + " |",
             "|---|" + "--:|" * len(architectures)]
    ours = sorted((name for name in rows if not name.startswith("cub::")), key=natural)
    for name in ours + sorted(name for name in rows if name.startswith("cub::")):
        lines.append(f"| `{name}` | " + " | ".join(cell(rows[name], architecture) for architecture in architectures) + " |")
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------- what the system sees


class BackendInfo(ctypes.Structure):
    """`lumicrop_backend_info` of the header."""

    _fields_ = [("struct_size", ctypes.c_int64), ("backend", ctypes.c_int32), ("compiled_in", ctypes.c_int32),
                ("found", ctypes.c_int32), ("usable", ctypes.c_int32), ("n_devices", ctypes.c_int32), ("isa", ctypes.c_int32),
                ("n_threads", ctypes.c_int64), ("reason", ctypes.c_char * 256)]


def driver_is_here():
    try:
        ctypes.CDLL("libcuda.so.1")
        return True
    except OSError:
        return False


def what_it_says_of_cuda(library):
    """What lumicrop_backend_query answers: (words, complaints)."""
    cuda, info = 2, BackendInfo()
    lumicrop = ctypes.CDLL(str(library))
    for status in (lumicrop.lumicrop_backend_info_init(ctypes.byref(info), ctypes.c_int64(ctypes.sizeof(info))),
                   lumicrop.lumicrop_backend_query(cuda, ctypes.byref(info))):
        if status != 0:
            return "", [f"lumicrop_backend_query ends with status {status}"]
    reason, wrong = info.reason.decode(), []
    if not info.compiled_in:
        wrong.append("the library says that CUDA is not compiled in")
    if not reason:
        wrong.append("the library gives no reason for what it says of CUDA")
    if not driver_is_here() and (info.found or info.usable or info.n_devices):
        wrong.append("the library says that a GPU is there, and there is not even a driver")
    return reason, wrong


def undefined_cuda_symbols(library):
    names = [line.split()[-1] for line in output("nm", "-D", "--undefined-only", library).splitlines()]
    return [name for name in names if re.match(r"_*(cu[A-Z]|cuda|nv[A-Z]|cub)", name)]


# ---------------------------------------------------------------------------------------------------------- all of it


def write_page(text):
    section = f"{BEGIN}\n{text}\n{END}"
    page = PAGE.read_text()
    if BEGIN in page and END in page:
        page = page[:page.index(BEGIN)] + section + page[page.index(END) + len(END):]
    else:
        page = page.rstrip() + f"\n\n## CUDA kernels as compiled\n\n{section}\n"
    PAGE.write_text(page)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("library", nargs="?", type=Path, default=ROOT / "build/dev/src/liblumicrop.so")
    parser.add_argument("--update", action="store_true", help="write the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    library, tool = arguments.library.resolve(), cuobjdump()
    wrong = []

    elf, ptx = all_major()
    there = sorted({int(number) for number in re.findall(r"\.sm_(\d+)\w*\.cubin", output(tool, "--list-elf", library))})
    there_as_ptx = sorted({int(number) for number in re.findall(r"\.sm_(\d+)\w*\.ptx", output(tool, "--list-ptx", library))})
    print(f"machine code for {', '.join(f'sm_{number}' for number in there)}; "
          f"PTX for {', '.join(f'compute_{number}' for number in there_as_ptx)}")
    wrong += [f"no machine code for sm_{number}" for number in elf if number not in there]
    wrong += [] if ptx in there_as_ptx else [f"no PTX for compute_{ptx}"]

    kernels = resources(tool, library)
    if not any(not CUB_KERNEL.search(kernel) for kernel in kernels):
        wrong.append("no kernel of lumicrop's own")
    for kernel, by_architecture in sorted(kernels.items()):
        missing = [f"sm_{number}" for number in there if number not in by_architecture]
        if missing and not CUB_KERNEL.search(kernel):
            wrong.append(f"{short(kernel)}: not there for {', '.join(missing)}")
        for architecture, numbers in sorted(by_architecture.items()):
            if (numbers["STACK"] or numbers["LOCAL"]) and not CUB_KERNEL.search(kernel):
                wrong.append(f"{short(kernel)} on sm_{architecture}: local memory "
                             f"(stack {numbers['STACK']}, local {numbers['LOCAL']} bytes a thread)")
    text = (f"Registers a thread / bytes of static shared memory a block, by `scripts/cuda_code.py --update` from {len(kernels)} kernels\n"
            "as ptxas made them. Tiles lie in dynamic shared memory, which is not in here; from sm_90 on, the 1024 bytes that CUDA "
            "takes of any shared memory are. No kernel but CUB's (`cub::`) may use local memory.\n\n" + table(kernels, there))
    print(f"\n{text}\n")

    size = library.stat().st_size
    print(f"{library.name}: {size / 2**20:.1f} MiB (at most {LARGEST // 2**20})")
    if size > LARGEST:
        wrong.append(f"the library has {size / 2**20:.1f} MiB, at most {LARGEST // 2**20} expected")
    wrong += [f"undefined symbol {name}: the CUDA runtime belongs into the library" for name in undefined_cuda_symbols(library)]
    reason, complaints = what_it_says_of_cuda(library)
    print(f"it says of CUDA ({'a' if driver_is_here() else 'no'} driver here): {reason}")
    wrong += complaints

    if arguments.update:
        write_page(text)
        print(f"written into {PAGE.relative_to(ROOT)}")
    if wrong:
        sys.exit("wrong:\n" + "\n".join(f"  {line}" for line in wrong))
    print("all as it should be")


if __name__ == "__main__":
    main()
