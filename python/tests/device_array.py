"""Arrays in device memory without any library of arrays: the CUDA runtime through ctypes, and both protocols written out.

The runtime is the one that the loader finds, which may be the one that the library itself is linked to.
"""

import ctypes
import ctypes.util
from contextlib import contextmanager

import numpy as np
import pytest

DLPACK_CUDA, DLPACK_CUDA_MANAGED = 2, 13
TO_DEVICE, TO_HOST, ON_DEVICE = 1, 2, 3
NON_BLOCKING = 1
KINDS = {"i": 0, "u": 1, "f": 2}


class Runtime:
    """The CUDA runtime; a call that fails raises."""

    def __init__(self, library):
        self._library = library

    def __getattr__(self, name):
        function = getattr(self._library, name)

        def checked(*arguments):
            status = function(*arguments)
            assert status == 0, f"{name}{arguments} returned {status}"

        return checked

    def address(self, create, *arguments):
        """The pointer-sized thing that ``create(&thing, ...)`` makes."""
        made = ctypes.c_void_p()
        getattr(self, create)(ctypes.byref(made), *arguments)
        return made.value or 0


def runtime():
    """The CUDA runtime of this process."""
    for name in ("libcudart.so.13", "libcudart.so.12", ctypes.util.find_library("cudart")):
        try:
            return Runtime(ctypes.CDLL(name)) if name else pytest.skip("the loader finds no CUDA runtime")
        except OSError:
            continue
    raise AssertionError("unreachable")


@contextmanager
def stream(flags=NON_BLOCKING):
    """The address of a stream, by default one that does not wait for the default stream."""
    cuda = runtime()
    made = cuda.address("cudaStreamCreateWithFlags", ctypes.c_uint(flags))
    try:
        yield made
    finally:
        cuda.cudaStreamSynchronize(ctypes.c_void_p(made))
        cuda.cudaStreamDestroy(ctypes.c_void_p(made))


class Memory:
    """A copy of a NumPy array in device memory, laid out as the original is; it speaks no protocol.

    Parameters
    ----------
    values : array_like
        What to copy, before the constructor returns.
    managed : bool
        In managed memory.
    read_only : bool
        What the protocols say.
    pretended : bool
        In the host's memory, and claimed to be the device's: where there is none.
    """

    def __init__(self, values, managed=False, read_only=False, pretended=False):
        values = np.asarray(values)
        self.shape, self.dtype, self.strides = values.shape, values.dtype, values.strides
        self.managed, self.read_only = managed, read_only
        # A window of bytes from the element at the lowest address to the end of the one at the highest.
        steps = [(extent - 1) * step for extent, step in zip(values.shape, values.strides)] if values.size else []
        self._before = -sum(step for step in steps if step < 0)
        self._bytes = self._before + sum(step for step in steps if step > 0) + values.itemsize if values.size else 0
        if pretended:
            self._window = np.zeros(max(self._bytes, 1), np.uint8)
            self.address = self._window.ctypes.data + self._before
            return
        self._cuda, size = runtime(), ctypes.c_size_t(max(self._bytes, 1))
        if managed:
            self._base = self._cuda.address("cudaMallocManaged", size, ctypes.c_uint(1))
        else:
            self._base = self._cuda.address("cudaMalloc", size)
        self.address = self._base + self._before
        if self._bytes:
            self._copy(self._base, values.__array_interface__["data"][0] - self._before, TO_DEVICE)

    def _copy(self, to, start, kind):
        self._cuda.cudaMemcpy(ctypes.c_void_p(to), ctypes.c_void_p(start), ctypes.c_size_t(self._bytes), ctypes.c_int(kind))

    def numpy(self):
        """What it holds now; waits for the default stream alone."""
        window = np.empty(self._bytes, np.uint8)
        if self._bytes:
            self._copy(window.ctypes.data, self._base, TO_HOST)
        return (
            np.ndarray(self.shape, self.dtype, window, self._before, self.strides).copy()
            if window.size
            else np.empty(self.shape, self.dtype)
        )

    def write_later(self, values, written_on):
        """Queue a copy of `values` (in device memory, of the same layout) to here on a stream."""
        self._cuda.cudaMemcpyAsync(
            ctypes.c_void_p(self._base),
            ctypes.c_void_p(values._base),
            ctypes.c_size_t(self._bytes),
            ctypes.c_int(ON_DEVICE),
            ctypes.c_void_p(written_on),
        )

    def __del__(self):
        if getattr(self, "_base", 0):  # nothing pretended, nothing failed
            self._cuda.cudaFree(ctypes.c_void_p(self._base))


class ByInterface(Memory):
    """With ``__cuda_array_interface__`` version 3; `written_on` is its stream entry."""

    written_on = None

    @property
    def __cuda_array_interface__(self):
        contiguous = self.strides == np.empty(self.shape, self.dtype).strides
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.address, self.read_only),
            "version": 3,
            "strides": None if contiguous else self.strides,
            "stream": self.written_on,
        }


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", ctypes.c_int32 * 2),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_Destructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)


class _Managed(ctypes.Structure):
    _fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter)]


class _ManagedVersioned(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_uint32 * 2),
        ("context", ctypes.c_void_p),
        ("deleter", _Deleter),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    ]


_lent = {}  # address of each tensor handed out, with what it is and whose


@_Deleter
def _delete(address):
    _, owner = _lent.pop(address)  # a second time fails, and is seen on stderr
    owner.deleted += 1


_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.argtypes, _new_capsule.restype = (ctypes.c_void_p, ctypes.c_char_p, _Destructor), ctypes.py_object


class ByDLPack(Memory):
    """With DLPack, and a record of who asked for it.

    Attributes
    ----------
    versioned : bool
        Whether it knows DLPack 1.0.
    asked_on : list of int
        Streams of all consumers.
    exports, deleted : int
        Tensors handed out, and given back.
    written_on : int or None
        Stream of its producer, for which the consumer's is made to wait.
    """

    versioned = True
    written_on = None
    major = 1

    def __init__(self, values, **how):
        super().__init__(values, **how)
        self.asked_on, self.exports, self.deleted = [], 0, 0

    def __dlpack_device__(self):
        return DLPACK_CUDA_MANAGED if self.managed else DLPACK_CUDA, 0

    def __dlpack__(self, *, stream, **versions):
        if versions and not self.versioned:
            raise TypeError("__dlpack__() got an unexpected keyword argument 'max_version'")
        self.asked_on.append(stream)
        if self.written_on is not None:
            self._let_wait(stream)
        managed = _ManagedVersioned() if self.versioned else _Managed()
        tensor, ndim = managed.tensor, len(self.shape)
        steps = [step // self.dtype.itemsize for step in self.strides]
        tensor.data, tensor.byte_offset = self.address - self._before, self._before
        tensor.device[:] = self.__dlpack_device__()
        tensor.ndim, tensor.code, tensor.bits, tensor.lanes = ndim, KINDS[self.dtype.kind], 8 * self.dtype.itemsize, 1
        tensor.shape, tensor.strides = (ctypes.c_int64 * ndim)(*self.shape), (ctypes.c_int64 * ndim)(*steps)
        managed.deleter = _delete
        if self.versioned:
            managed.version[:] = self.major, 0
            managed.flags = int(self.read_only)
        address = ctypes.addressof(managed)
        _lent[address] = managed, self
        self.exports += 1
        name = b"dltensor_versioned" if self.versioned else b"dltensor"
        return _new_capsule(address, name, _Destructor())

    def _let_wait(self, consumer):
        event = self._cuda.address("cudaEventCreateWithFlags", ctypes.c_uint(2))
        self._cuda.cudaEventRecord(ctypes.c_void_p(event), ctypes.c_void_p(self.written_on))
        self._cuda.cudaStreamWaitEvent(ctypes.c_void_p(consumer), ctypes.c_void_p(event), ctypes.c_uint(0))
        self._cuda.cudaEventDestroy(ctypes.c_void_p(event))
