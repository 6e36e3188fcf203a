"""The door to the library: opens it, checks that it is the one this package was made with, turns statuses into exceptions."""

from __future__ import annotations

import os
import sys
from enum import IntFlag
from functools import cache
from pathlib import Path

from ._declarations import ffi

LIBRARY_VARIABLE = "LUMICROP_LIBRARY"
"""Environment variable that names another library to open than the package's own."""

LIBRARY_NAME = {"win32": "lumicrop.dll", "darwin": "liblumicrop.dylib"}.get(sys.platform, "liblumicrop.so")


def _library_path() -> str:
    """Path of the library: what the environment names, else the one beside the package's files."""
    named = os.environ.get(LIBRARY_VARIABLE)
    if named:
        return named
    folders = [Path(folder) for folder in sys.modules[__package__].__path__]  # an editable installation has two
    for folder in folders:
        if (folder / LIBRARY_NAME).is_file():
            return str(folder / LIBRARY_NAME)
    raise ImportError(f"lumicrop: {LIBRARY_NAME} is not in {' or '.join(map(str, folders))}; install the package with pip, "
                      f"or name the library in the environment variable {LIBRARY_VARIABLE}")


def _open(path: str):
    """The library at `path`, if it is of the version whose declarations the package holds."""
    try:
        library = ffi.dlopen(path)
        found = ffi.string(library.lumicrop_version()).decode()
    except (OSError, ffi.error) as error:
        raise ImportError(f"lumicrop: {path} is not a lumicrop library that can be opened: {error}") from error
    expected = f"{library.LUMICROP_VERSION_MAJOR}.{library.LUMICROP_VERSION_MINOR}.{library.LUMICROP_VERSION_PATCH}"
    if found != expected:
        raise ImportError(f"lumicrop: the package is version {expected}, the library {path} is version {found}; "
                          f"install both from one release, or correct the environment variable {LIBRARY_VARIABLE}")
    return library, found


lib, version = _open(_library_path())


class Error(RuntimeError):
    """A call of the library failed; the text says what, where, and what was expected.

    Attributes
    ----------
    status : int
        The status of the C ABI (``LUMICROP_INVALID_ARGUMENT`` ...).
    """

    status = lib.LUMICROP_INTERNAL

    def __init__(self, message: str, status: int | None = None):
        super().__init__(message)
        if status is not None:
            self.status = status


class InvalidArgument(Error, ValueError):
    """An argument is wrong; nothing was computed."""

    status = lib.LUMICROP_INVALID_ARGUMENT


class Unsupported(Error):
    """Legal, but this build or backend does not do it."""

    status = lib.LUMICROP_UNSUPPORTED


class NoDevice(Error):
    """No usable GPU was found."""

    status = lib.LUMICROP_NO_DEVICE


class DriverTooOld(Error):
    """The CUDA driver is older than this build needs."""

    status = lib.LUMICROP_DRIVER_TOO_OLD


class NoKernelImage(Error):
    """This build has no code for this GPU."""

    status = lib.LUMICROP_NO_KERNEL_IMAGE


class OutOfMemory(Error, MemoryError):
    """Host or device memory could not be had."""

    status = lib.LUMICROP_OUT_OF_MEMORY


class CudaFailure(Error):
    """The CUDA runtime reported an error; what was being computed is undefined."""

    status = lib.LUMICROP_CUDA_FAILURE


class BadIndex(Error):
    """A label or frame in device memory was out of range (see the flags)."""

    status = lib.LUMICROP_BAD_INDEX


class Cancelled(Error):
    """The context's `progress` ended the call; what was being computed is undefined."""

    status = lib.LUMICROP_CANCELLED


_EXCEPTIONS = {kind.status: kind for kind in
               (InvalidArgument, Unsupported, NoDevice, DriverTooOld, NoKernelImage, OutOfMemory, CudaFailure, BadIndex,
                Cancelled)}


def check(status: int) -> None:
    """Raise the exception that belongs to `status`, with the library's own text; nothing for success."""
    if status == lib.LUMICROP_OK:
        return
    name = ffi.string(lib.lumicrop_status_name(status)).decode()
    text = ffi.string(lib.lumicrop_last_error()).decode(errors="replace").replace("NULL", "None")
    raise _EXCEPTIONS.get(status, Error)(text or name, status)


def new(struct: str):
    """A ``lumicrop_<struct>`` with the library's defaults."""
    return ffi.new(*defaults(struct))


@cache
def defaults(struct: str):
    """The type of a pointer to ``lumicrop_<struct>``, and what such a struct begins as: asked of the library once."""
    kind = ffi.typeof(f"lumicrop_{struct}*")
    made = ffi.new(kind)
    check(getattr(lib, f"lumicrop_{struct}_init")(made, ffi.sizeof(made[0])))
    return kind, made[0]


class Flag(IntFlag):
    """What is to be known of a detection's result beyond its numbers: the bits of the `flags` column.

    The names and numbers are those of the header, where each is explained.
    """

    TRUNCATED = lib.LUMICROP_FLAG_TRUNCATED
    MASKED = lib.LUMICROP_FLAG_MASKED
    SATURATED = lib.LUMICROP_FLAG_SATURATED
    DATA_NOT_FINITE = lib.LUMICROP_FLAG_DATA_NOT_FINITE
    PARAMETER_NAN = lib.LUMICROP_FLAG_PARAMETER_NAN
    CENTRE_OUTSIDE = lib.LUMICROP_FLAG_CENTRE_OUTSIDE
    OUTSIDE_DOMAIN = lib.LUMICROP_FLAG_OUTSIDE_DOMAIN
    NO_BORDER = lib.LUMICROP_FLAG_NO_BORDER
    ZERO_DENOMINATOR = lib.LUMICROP_FLAG_ZERO_DENOMINATOR
    BAD_INDEX = lib.LUMICROP_FLAG_BAD_INDEX
    NOT_CONVERGED = lib.LUMICROP_FLAG_NOT_CONVERGED


def library_version() -> str:
    """Version of the library that is loaded, such as ``"0.1.0"``."""
    return version
