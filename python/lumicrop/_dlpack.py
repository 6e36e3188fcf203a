"""Tensors that other libraries export by DLPack (https://dmlc.github.io/dlpack/latest/): what stands in the capsule.

A capsule's pointer is had by functions of Python itself, which want the interpreter's lock: hence ctypes, not cffi.
"""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

CUDA, CUDA_MANAGED = 2, 13  # kinds of device
_KINDS = {0: "i", 1: "u", 2: "f"}  # other codes (complex, bfloat16, bool ...) are no numbers that the library reads
_READ_ONLY = 1
_NEWEST = (1, 0)


class _Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Managed(ctypes.Structure):
    major, flags = 1, 0  # it tells neither
    _fields_ = [("tensor", _Tensor), ("manager_context", ctypes.c_void_p), ("deleter", _Deleter)]


class _ManagedVersioned(ctypes.Structure):
    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("manager_context", ctypes.c_void_p),
                ("deleter", _Deleter), ("flags", ctypes.c_uint64), ("tensor", _Tensor)]


# A capsule's name, its name once somebody has taken the tensor, and what it holds.
_FORMS = ((b"dltensor_versioned", b"used_dltensor_versioned", _ManagedVersioned), (b"dltensor", b"used_dltensor", _Managed))

_has_name = ctypes.pythonapi.PyCapsule_IsValid
_has_name.argtypes, _has_name.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_int
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.argtypes, _pointer.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_void_p
_rename = ctypes.pythonapi.PyCapsule_SetName
_rename.argtypes, _rename.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_int


class Exported:
    """A tensor that its producer lends: it calls the producer's deleter when nobody holds it any more.

    Parameters
    ----------
    producer : object
        With the method ``__dlpack__``.
    stream : int
        Stream on which the tensor will be used, in the protocol's numbers. The producer lets what is queued there from
        now on wait for its own work.

    Attributes
    ----------
    address : int
        First element.
    typestr : str
        Type of an element as NumPy writes it, such as ``"f4"``.
    shape, strides : tuple of int
        Elements along each axis, and bytes from one to the next.
    read_only : bool
        False also where the producer cannot tell.

    Raises
    ------
    BufferError
        The producer does not export it, or in a form that is not known here.
    """

    def __init__(self, producer: Any, stream: int):
        try:
            capsule = producer.__dlpack__(stream=stream, max_version=_NEWEST)
        except TypeError:  # a producer from before DLPack 1.0
            capsule = producer.__dlpack__(stream=stream)
        managed = self._taken(capsule)
        if managed.major > _NEWEST[0]:
            raise BufferError(f"DLPack {managed.major} is newer than this package, {_NEWEST[0]} expected")
        tensor = managed.tensor
        if tensor.code not in _KINDS or tensor.lanes != 1 or tensor.bits % 8:
            raise BufferError(f"its elements (DLPack code {tensor.code}, {tensor.bits} bits, {tensor.lanes} lanes) are no "
                              "numbers that can be read")
        self.typestr = f"{_KINDS[tensor.code]}{tensor.bits // 8}"
        self.address = (tensor.data or 0) + tensor.byte_offset
        self.shape = tuple(tensor.shape[: tensor.ndim])
        if tensor.strides:
            self.strides = tuple(step * (tensor.bits // 8) for step in tensor.strides[: tensor.ndim])
        else:
            self.strides = contiguous_strides(self.shape, tensor.bits // 8)
        self.read_only = bool(managed.flags & _READ_ONLY)

    def _taken(self, capsule):
        """The struct in `capsule`, which from now on is this object's to delete."""
        for name, used, form in _FORMS:
            if _has_name(capsule, name):
                address = _pointer(capsule, name)
                _rename(capsule, used)
                managed = form.from_address(address)
                if managed.deleter:
                    # Not at the interpreter's end: the producer may be gone by then, and the process frees all.
                    weakref.finalize(self, managed.deleter, address).atexit = False
                return managed
        raise BufferError(f"its __dlpack__ returned {capsule!r}, a DLPack capsule that nobody has used expected")


def contiguous_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Bytes from one element to the next along each axis of a C-contiguous array."""
    strides, step = [], itemsize
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))
