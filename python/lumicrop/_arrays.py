"""NumPy arrays at the C ABI: what the library can read is passed as it lies, by strides; the rest is converted once."""

from __future__ import annotations

import numpy

from ._abi import InvalidArgument, ffi, lib

IMAGE_TYPES = {numpy.dtype(name): code for name, code in (
    ("u1", lib.LUMICROP_U8), ("u2", lib.LUMICROP_U16), ("i2", lib.LUMICROP_I16), ("u4", lib.LUMICROP_U32),
    ("i4", lib.LUMICROP_I32), ("f4", lib.LUMICROP_F32), ("f8", lib.LUMICROP_F64))}
REAL_TYPES = {numpy.dtype(name): code for name, code in (("f4", lib.LUMICROP_F32), ("f8", lib.LUMICROP_F64))}
WHOLE_TYPES = {numpy.dtype(name): code for name, code in (
    ("u1", lib.LUMICROP_U8), ("u2", lib.LUMICROP_U16), ("u4", lib.LUMICROP_U32), ("u8", lib.LUMICROP_U64),
    ("i1", lib.LUMICROP_I8), ("i2", lib.LUMICROP_I16), ("i4", lib.LUMICROP_I32), ("i8", lib.LUMICROP_I64))}
NUMBER_TYPES = {**REAL_TYPES, **WHOLE_TYPES}

# Where a dtype goes that a set of types lacks: the narrowest that holds its values; 64-bit integers go to float64.
_WIDER = {numpy.dtype(narrow): numpy.dtype(wide) for narrow, wide in (("?", "u1"), ("i1", "i2"), ("f2", "f4"))}


def column_types(name: str) -> dict:
    """Element types of the column `name`: origins of crops may be any numbers, fitted values are real."""
    return NUMBER_TYPES if name in ("X0", "Y0") else REAL_TYPES


def readable(values, name: str, types: dict, ndim: int) -> numpy.ndarray:
    """`values` as an array that the library can read: itself where it can, else converted.

    Parameters
    ----------
    values : array_like
        Numbers or booleans, of any strides, alignment and byte order.
    name : str
        How an error names them.
    types : dict
        Element types that the library takes here (`IMAGE_TYPES` ...).
    ndim : int
        Dimensions expected.

    Returns
    -------
    numpy.ndarray
        `values` itself, without a copy, if it is an aligned array in native byte order of one of `types`.

    Raises
    ------
    InvalidArgument
        If `values` are not numbers, or have another number of dimensions.
    """
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


def whole(values, name: str) -> numpy.ndarray:
    """`values` as a column of an integer type; floats are accepted where each is a whole number."""
    array = readable(values, name, NUMBER_TYPES, 1)
    if array.dtype.kind == "f":
        wrong = numpy.flatnonzero(~(numpy.abs(array) < 2.0**63) | (array != numpy.rint(array)))
        if wrong.size:
            raise InvalidArgument(f"{name}: entry {wrong[0]} is {array[wrong[0]]}, a whole number expected")
        array = array.astype(numpy.int64)
    return array


def _dimensions(ndim: int) -> str:
    return f"{ndim} dimension{'s' if ndim > 1 else ''}"


class Call:
    """The structs of one call of the library, and what must outlive it."""

    def __init__(self):
        self._kept = []

    def keep(self, thing):
        """`thing`, kept alive until the call has ended."""
        self._kept.append(thing)
        return thing

    def array(self, array: numpy.ndarray):
        """A ``lumicrop_array`` over `array`'s own memory, which is neither copied nor checked for contiguity."""
        self.keep(array)
        struct = self.keep(ffi.new("lumicrop_array*"))
        struct.struct_size = ffi.sizeof("lumicrop_array")
        struct.data = ffi.cast("void*", array.__array_interface__["data"][0])
        struct.dtype = NUMBER_TYPES[array.dtype]
        struct.memory = lib.LUMICROP_HOST
        struct.ndim = array.ndim
        struct.shape[0:array.ndim] = array.shape
        struct.strides[0:array.ndim] = array.strides
        return struct
