"""Arrays at the C ABI: what the library can read is passed as it lies, by strides; NumPy arrays of other types are converted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ._abi import InvalidArgument, ffi, lib
from ._device_arrays import DeviceArray, device_array, lives_on_device

if TYPE_CHECKING:
    from ._context import Context

IMAGE_TYPES = {numpy.dtype(name): code for name, code in (
    ("u1", lib.LUMICROP_U8), ("u2", lib.LUMICROP_U16), ("i2", lib.LUMICROP_I16), ("u4", lib.LUMICROP_U32),
    ("i4", lib.LUMICROP_I32), ("f4", lib.LUMICROP_F32), ("f8", lib.LUMICROP_F64))}
FLAG_TYPES = {numpy.dtype("u4"): lib.LUMICROP_U32}
REAL_TYPES = {numpy.dtype(name): code for name, code in (("f4", lib.LUMICROP_F32), ("f8", lib.LUMICROP_F64))}
WHOLE_TYPES = {numpy.dtype(name): code for name, code in (
    ("u1", lib.LUMICROP_U8), ("u2", lib.LUMICROP_U16), ("u4", lib.LUMICROP_U32), ("u8", lib.LUMICROP_U64),
    ("i1", lib.LUMICROP_I8), ("i2", lib.LUMICROP_I16), ("i4", lib.LUMICROP_I32), ("i8", lib.LUMICROP_I64))}
MASK_TYPES = {numpy.dtype("u1"): lib.LUMICROP_U8}
NUMBER_TYPES = {**REAL_TYPES, **WHOLE_TYPES}

COLUMN_TYPES = {"ch": WHOLE_TYPES, "frame": WHOLE_TYPES, "X0": NUMBER_TYPES, "Y0": NUMBER_TYPES} | dict.fromkeys(
    ("x_fit", "y_fit", "z_fit", "os_fit", "sigma_fit", "sigma_x_fit", "sigma_y_fit", "sigma_angle"), REAL_TYPES)
"""The columns of detections, and the element types of each."""

# Where a dtype goes that a set of types lacks: the narrowest that holds its values; 64-bit integers go to float64.
_WIDER = {numpy.dtype(narrow): numpy.dtype(wide) for narrow, wide in (("?", "u1"), ("i1", "i2"), ("f2", "f4"))}


def readable(values, name: str, types: dict, ndim: int, context: Context | None = None) -> numpy.ndarray | DeviceArray:
    """`values` as an array that the library can read: itself where it can, else converted.

    Parameters
    ----------
    values : array_like, or an array in device memory
        Numbers or booleans, of any strides, alignment and byte order. What lies in device memory is not converted.
    name : str
        How an error names them.
    types : dict
        Element types that the library takes here (`IMAGE_TYPES` ...).
    ndim : int
        Dimensions expected.
    context : Context, optional
        What will read them. None: they must lie in the host's memory.

    Returns
    -------
    numpy.ndarray or DeviceArray
        `values` itself, without a copy, if it lies in device memory, or is an aligned array in native byte order of one
        of `types`.

    Raises
    ------
    InvalidArgument
        If `values` are not numbers, or have another number of dimensions, or cannot be read where they lie.
    """
    if type(values) is numpy.ndarray and values.dtype in types and values.ndim == ndim and values.flags.aligned:
        return values
    if lives_on_device(values):
        return _on_device(values, name, types, ndim, context)
    try:
        array = numpy.asarray(values)
        if array.dtype.kind == "O":
            array = array.astype(numpy.float64)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"{name}: numbers in {_dimensions(ndim)} expected: {error}") from None
    if array.dtype.kind not in "buif":
        raise InvalidArgument(f"{name}: numbers expected, found {array.dtype}")
    if array.ndim != ndim:
        raise InvalidArgument(f"{name}: {_dimensions(ndim)} expected, found shape {array.shape}")
    native = array.dtype.newbyteorder("=")
    if native not in types:
        native = _WIDER.get(native, numpy.dtype(numpy.float64))
        native = native if native in types else numpy.dtype(numpy.float64)
    if array.dtype != native or not array.flags.aligned:
        array = numpy.array(array, dtype=native, order="C")
    return array


def _on_device(values, name: str, types: dict, ndim: int, context: Context | None) -> DeviceArray:
    """`values` where they lie, in device memory."""
    if context is None:
        raise InvalidArgument(f"{name} lies in device memory, an array in the host's memory expected")
    array = device_array(values, name, context.stream)
    if array.dtype not in types:
        raise InvalidArgument(f"{name}: {array.dtype} in device memory is not converted, {_one_of(types)} expected")
    if array.ndim != ndim:
        raise InvalidArgument(f"{name}: {_dimensions(ndim)} expected, found shape {array.shape}")
    return array


def whole(values, name: str, context: Context | None = None) -> numpy.ndarray | DeviceArray:
    """`values` as a column of an integer type; floats in the host's memory are accepted where each is a whole number."""
    if lives_on_device(values):
        return _on_device(values, name, WHOLE_TYPES, 1, context)
    array = readable(values, name, NUMBER_TYPES, 1)
    if array.dtype.kind == "f":
        wrong = numpy.flatnonzero(~(numpy.abs(array) < 2.0**63) | (array != numpy.rint(array)))
        if wrong.size:
            raise InvalidArgument(f"{name}: entry {wrong[0]} is {array[wrong[0]]}, a whole number expected")
        array = array.astype(numpy.int64)
    return array


def writable(values, name: str, types: dict, context: Context) -> numpy.ndarray | DeviceArray:
    """`values` as a column that the library can fill, where it lies; nothing is converted."""
    if lives_on_device(values):
        array = _on_device(values, name, types, 1, context)
        may_be_written = array.writable
    else:
        array = values
        if not isinstance(array, numpy.ndarray):
            raise InvalidArgument(f"{name}: a NumPy array or an array in device memory expected, found {type(values).__name__}")
        if array.dtype not in types:
            raise InvalidArgument(f"{name}: {_one_of(types)} expected, found {array.dtype}")
        if array.ndim != 1:
            raise InvalidArgument(f"{name}: {_dimensions(1)} expected, found shape {array.shape}")
        may_be_written = array.flags.writeable
    if not may_be_written:
        raise InvalidArgument(f"{name} is read-only, an array that may be written expected")
    return array


def _one_of(types: dict) -> str:
    *most, last = map(str, types)
    return f"{', '.join(most)} or {last}" if most else last


def _dimensions(ndim: int) -> str:
    return f"{ndim} dimension{'s' if ndim > 1 else ''}"


# Looked up here once: what every array of every call needs.
_ARRAYS, _ARRAY_SIZE, _HOST = ffi.typeof("lumicrop_array[]"), ffi.sizeof("lumicrop_array"), lib.LUMICROP_HOST
_from_buffer = ffi.from_buffer


class Call:
    """The structs of one call of the library, and what must outlive it.

    An array is described by a tuple, the fields of its ``lumicrop_array``: cffi makes structs of many tuples in less time than
    it sets field after field. Where the second, its memory, comes from a buffer, it keeps the array alive.
    """

    SHAPE = 5
    """Where a description has the array's shape."""

    def __init__(self):
        self._kept = []
        self.on_device = False  # whether an array of it lives there

    def keep(self, thing: Any):
        """`thing`, kept alive until the call has ended."""
        self._kept.append(thing)
        return thing

    def read(self, values, name: str, types: dict, ndim: int, context: Context | None = None) -> tuple:
        """Description of `values`, as `readable` has them."""
        if type(values) is numpy.ndarray and values.ndim == ndim:  # most arrays need no second look
            code, flags = types.get(values.dtype), values.flags
            if code is not None and flags.c_contiguous and flags.aligned:
                return _ARRAY_SIZE, _from_buffer(values), code, _HOST, ndim, values.shape, values.strides
        return self.described(readable(values, name, types, ndim, context))

    def described(self, array: numpy.ndarray | DeviceArray) -> tuple:
        """Description of `array`'s own memory, which is neither copied nor checked for contiguity."""
        self._kept.append(array)
        memory = _HOST
        if isinstance(array, DeviceArray):
            self.on_device, memory = True, lib.LUMICROP_DEVICE
            data = ffi.cast("void*", array.address)
        elif array.flags.c_contiguous:
            data = _from_buffer(array)  # the quickest way to the address, which other layouts do not offer
        else:
            data = ffi.cast("void*", array.__array_interface__["data"][0])
        return _ARRAY_SIZE, data, NUMBER_TYPES[array.dtype], memory, array.ndim, array.shape, array.strides

    def new_columns(self, names: Sequence[str], n: int, dtype, described: dict[str, tuple]) -> dict[str, numpy.ndarray]:
        """New columns of one type, by name, whose descriptions are put into `described`.

        They share one piece of memory, which the C library keeps for the next call once all are gone. Several smaller pieces go
        back to the system, and come again page by page: a tenth and more of the time of a sum.
        """
        block = numpy.empty((len(names), n), dtype)
        first, step = self.keep(_from_buffer(block)), n * block.itemsize
        of_each = NUMBER_TYPES[block.dtype], _HOST, 1, (n,), (block.itemsize,)
        for k, name in enumerate(names):
            described[name] = (_ARRAY_SIZE, first + k * step, *of_each)
        return dict(zip(names, block))

    def structs(self, described: list[tuple]):
        """A ``lumicrop_array`` of each description, side by side."""
        self._kept.append(described)
        return self.keep(ffi.new(_ARRAYS, described))
