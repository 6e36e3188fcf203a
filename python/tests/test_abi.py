"""The binding against the header and the library themselves: sizes, constants, versions, statuses, the lock."""

import os
import re
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import REPOSITORY

import lumicrop
from lumicrop._abi import check, ffi, lib, new
from lumicrop._arrays import Call

HEADER = REPOSITORY / "include" / "lumicrop" / "lumicrop.h"
OPAQUE = {"lumicrop_context", "lumicrop_spline"}
STRUCTS = [name for name in ffi.list_types()[0] if ffi.typeof(name).kind == "struct" and name not in OPAQUE]
CONSTANTS = [name for name in dir(lib) if name.startswith("LUMICROP_")]


@pytest.fixture(scope="module")
def compiler():
    path = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if path is None:
        pytest.skip("no C compiler")
    return path


def test_every_struct_and_constant_is_as_a_c_compiler_sees_it(compiler, tmp_path):
    lines = [f'printf("{name} %zu\\n", sizeof({name}));' for name in STRUCTS]
    lines += [
        f'printf("{name}.{field} %zu\\n", offsetof({name}, {field}));'
        for name in STRUCTS
        for field, _ in ffi.typeof(name).fields
    ]
    lines += [f'printf("{name} %lld\\n", (long long)({name}));' for name in CONSTANTS]
    source = tmp_path / "print.c"
    source.write_text(
        "#include <stddef.h>\n#include <stdio.h>\n#include <lumicrop/lumicrop.h>\n"
        "int main(void)\n{\n" + "\n".join(lines) + "\nreturn 0;\n}\n"
    )
    program = tmp_path / "print"
    subprocess.run(
        [
            compiler,
            "-std=c11",
            "-Wall",
            "-Werror",
            "-DLUMICROP_STATIC",
            f"-I{HEADER.parents[1]}",
            str(source),
            "-o",
            str(program),
        ],
        check=True,
    )
    printed = dict(line.rsplit(" ", 1) for line in subprocess.check_output([program], text=True).splitlines())

    known = {name: ffi.sizeof(name) for name in STRUCTS}
    known |= {f"{name}.{field}": ffi.offsetof(name, field) for name in STRUCTS for field, _ in ffi.typeof(name).fields}
    known |= {name: getattr(lib, name) for name in CONSTANTS}
    assert {name: int(value) for name, value in printed.items()} == known


def test_nothing_of_the_header_is_missing():
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    declared = set(re.findall(r"LUMICROP_API[\w\s*]*?\b(lumicrop_\w+)\(", text))
    constants = set(re.findall(r"\b(LUMICROP_\w+) =", text)) | set(re.findall(r"#define (LUMICROP_VERSION_\w+)", text))
    structs = set(re.findall(r"^\} (lumicrop_\w+);", text, flags=re.MULTILINE))
    assert len(declared) > 15 and len(structs) == 7 and len(constants) > 50
    assert declared == {name for name in dir(lib) if name.startswith("lumicrop_")}
    assert constants == set(CONSTANTS)
    assert structs == set(STRUCTS)


def test_flags_are_the_header_s():
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    bits = {name: 1 << int(bit) for name, bit in re.findall(r"LUMICROP_FLAG_(\w+) = 1 << (\d+)", text)}
    assert bits and bits == {flag.name: flag.value for flag in lumicrop.Flag}


def run_python(code, **environment):
    return subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True)


@pytest.mark.parametrize(
    "source, message",
    [
        (
            'const char* lumicrop_version(void) { return "99.0.1"; }',
            r"the package is version \d+\.\d+\.\d+, the library .* is version 99\.0\.1",
        ),
        ("int other(void) { return 0; }", "is not a lumicrop library that can be opened"),
    ],
)
def test_another_library_is_refused(compiler, tmp_path, source, message):
    (tmp_path / "other.c").write_text(source)
    library = tmp_path / "other.so"
    subprocess.run([compiler, "-shared", "-fPIC", str(tmp_path / "other.c"), "-o", str(library)], check=True)
    done = run_python("import lumicrop", LUMICROP_LIBRARY=str(library))
    assert done.returncode != 0
    assert "ImportError: lumicrop: " in done.stderr and re.search(message, done.stderr) and str(library) in done.stderr


def test_a_library_that_is_not_there_is_named():
    done = run_python("import lumicrop", LUMICROP_LIBRARY="/nowhere/liblumicrop.so")
    assert done.returncode != 0 and "ImportError: lumicrop: /nowhere/liblumicrop.so is not" in done.stderr


def test_versions_agree():
    assert lumicrop.__version__ == lumicrop.library_version()
    text = HEADER.read_text()
    assert lumicrop.__version__ == ".".join(
        re.search(rf"LUMICROP_VERSION_{part} (\d+)", text)[1] for part in ("MAJOR", "MINOR", "PATCH")
    )


STATUSES = [
    name
    for name in CONSTANTS
    if name
    in (
        "LUMICROP_INVALID_ARGUMENT",
        "LUMICROP_UNSUPPORTED",
        "LUMICROP_NO_DEVICE",
        "LUMICROP_DRIVER_TOO_OLD",
        "LUMICROP_NO_KERNEL_IMAGE",
        "LUMICROP_OUT_OF_MEMORY",
        "LUMICROP_CUDA_FAILURE",
        "LUMICROP_INTERNAL",
        "LUMICROP_BAD_INDEX",
        "LUMICROP_CANCELLED",
    )
]


@pytest.mark.parametrize("name", STATUSES)
def test_every_status_becomes_an_exception_that_knows_it(name):
    with pytest.raises(lumicrop.Error) as raised:
        check(getattr(lib, name))
    assert raised.value.status == getattr(lib, name)
    kind = {"LUMICROP_INTERNAL": lumicrop.Error}.get(name) or getattr(
        lumicrop, name[len("LUMICROP_") :].title().replace("_", "")
    )
    assert type(raised.value) is kind
    assert isinstance(raised.value, ValueError) == (name == "LUMICROP_INVALID_ARGUMENT")


def test_a_refused_call_touches_no_output():
    call = Call()
    crops = np.ones((3, 5, 5), np.float32)
    channel, detections, result = new("channel"), new("detections"), new("result")
    struct_of = lambda array: call.structs([call.described(array)])
    channel.images, channel.method, channel.gain, channel.qe = struct_of(crops), lib.LUMICROP_SUM, 1, 1
    detections.n = 3
    outputs = {
        name: np.full(3, 77, np.uint32 if name == "flags" else float)
        for name in ("photons", "background", "psf_sum", "denominator", "flags")
    }
    for name, column in outputs.items():
        setattr(result, name, struct_of(column))
    detections.ch = struct_of(np.array([1, 1, 2]))
    with lumicrop.Context("cpu") as context:
        with pytest.raises(lumicrop.InvalidArgument, match=r"ch\[2\] is 2"):
            context.call(lib.lumicrop_integrate, channel, 1, detections, result)
        assert all((column == 77).all() for column in outputs.values())
        detections.ch = struct_of(np.array([1, 1, 1]))
        context.call(lib.lumicrop_integrate, channel, 1, detections, result)
    assert not any((column == 77).any() for column in outputs.values())


@pytest.mark.alone
def test_the_lock_of_the_interpreter_is_released():
    """While one thread computes for a while, another one runs Python: never is it kept waiting for half of that time."""
    crops = np.broadcast_to(np.random.default_rng(1).normal(100, 10, (11, 11)), (40_000, 11, 11))
    channel = lumicrop.Channel(crops, method="sum", gain=1, qe=1)
    span = []

    def compute():
        with lumicrop.Context("cpu", threads=1) as context:
            start = time.perf_counter()
            while time.perf_counter() - start < 1.0:  # few, long calls: grow until one takes long enough
                n = channel.images.shape[0] * 2
                channel.images = np.broadcast_to(crops[0], (n, 11, 11))
                begin = time.perf_counter()
                lumicrop.integrate(channel, outputs="photons", context=context)
                span[:] = [begin, time.perf_counter()]
                if span[1] - span[0] > 0.5:
                    break

    worker, ticks = threading.Thread(target=compute), []
    worker.start()
    while worker.is_alive():
        ticks.append(time.perf_counter())
        time.sleep(0.001)
    ticks = np.array([t for t in ticks if span[0] <= t <= span[1]])
    length = span[1] - span[0]
    assert length > 0.1, "the call was too short to tell"
    assert len(ticks) > 3 and np.diff(np.concatenate([[span[0]], ticks, [span[1]]])).max() < length / 2
