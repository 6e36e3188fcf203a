"""Write the Python package's declarations of the C ABI from the header itself.

The C compiler's preprocessor reads the header, so that nobody copies a struct by hand; cffi turns what comes out into a
module that holds ``ffi``. No C code is compiled: the package opens the library with ``ffi.dlopen``.

    python generate_declarations.py --compiler cc --header include/lumicrop/lumicrop.h --output _declarations.py
"""

import argparse
import re
import subprocess
from pathlib import Path

import cffi

LINE_MARKER = re.compile(r'# \d+ "(?P<file>[^"]*)"')
INTEGER_MACRO = re.compile(r"#define LUMICROP_\w+ \d+$")


def preprocess(compiler: str, header: Path) -> str:
    """The header as the compiler sees it, with line markers and macro definitions left in."""
    command = [compiler, "-E", "-dD", "-x", "c", "-std=c11", "-DLUMICROP_STATIC", str(header)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def own_lines(preprocessed: str, header: Path) -> str:
    """The lines that the header itself holds: none of the system's headers, and of the macros only whole numbers."""
    lines, inside = [], False
    for line in preprocessed.splitlines():
        if marker := LINE_MARKER.match(line):
            inside = marker["file"] == str(header)
        elif inside and (not line.startswith("#") or INTEGER_MACRO.match(line)):
            lines.append(line)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiler", default="cc", help="C compiler that takes -E (GCC, Clang)")
    parser.add_argument("--header", type=Path, required=True, help="lumicrop.h")
    parser.add_argument("--output", type=Path, required=True, help="the module to write")
    options = parser.parse_args()

    ffi = cffi.FFI()
    ffi.cdef(own_lines(preprocess(options.compiler, options.header), options.header))
    ffi.set_source(options.output.stem, None)
    ffi.emit_python_code(str(options.output))


if __name__ == "__main__":
    main()
