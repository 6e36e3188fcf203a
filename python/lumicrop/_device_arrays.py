"""Arrays in device memory, as their owners describe them; nothing of CUDA is needed to read the description.

CuPy's arrays, PyTorch's CUDA tensors and others speak DLPack, by which the owner lets the context's stream wait for what is
still being written. Those that only have ``__cuda_array_interface__`` name the stream on which they are written.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy

from ._abi import InvalidArgument
from ._dlpack import CUDA, CUDA_MANAGED, Exported, contiguous_strides

LEGACY_STREAM = 1
"""The default stream in the numbers of both protocols; CUDA itself also takes it."""


@dataclass(frozen=True, eq=False)
class DeviceArray:
    """An array in device memory.

    Attributes
    ----------
    address : int
        First element.
    dtype : numpy.dtype
        Type of an element.
    shape, strides : tuple of int
        Elements along each axis, and bytes from one to the next.
    writable : bool
        False where its owner says that it is only to be read.
    owner : object
        Keeps the memory alive.
    """

    address: int
    dtype: numpy.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    writable: bool
    owner: Any

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def contiguous(self) -> bool:
        """Whether it is C-contiguous."""
        return self.strides == contiguous_strides(self.shape, self.dtype.itemsize)


def lives_on_device(values: Any) -> bool:
    """Whether `values` lie in the memory of a CUDA device, or in managed memory."""
    if isinstance(values, numpy.ndarray):
        return False
    where = getattr(values, "__dlpack_device__", None)
    if where is not None:
        return where()[0] in (CUDA, CUDA_MANAGED)
    return hasattr(values, "__cuda_array_interface__")


def device_array(values: Any, name: str, stream: int) -> DeviceArray:
    """`values`, which live on a device, without a copy.

    Parameters
    ----------
    values : object
        With ``__dlpack__`` and ``__dlpack_device__``, or with ``__cuda_array_interface__``.
    name : str
        How an error names them.
    stream : int
        Address of the ``cudaStream_t`` on which they will be used; 0: the default stream.

    Returns
    -------
    DeviceArray
        Safe to use on `stream` from now on.

    Raises
    ------
    InvalidArgument
        The owner does not hand them over, or they are written on another stream, for which `stream` cannot be made to wait.
    """
    stream = stream or LEGACY_STREAM
    try:
        return _by_dlpack(values, stream) if hasattr(values, "__dlpack__") else _by_interface(values, name, stream)
    except InvalidArgument:
        raise
    except (AttributeError, BufferError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InvalidArgument(f"{name}: this array in device memory cannot be had: {error}") from error


def _by_dlpack(values: Any, stream: int) -> DeviceArray:
    tensor = Exported(values, stream)
    return DeviceArray(tensor.address, numpy.dtype(tensor.typestr), tensor.shape, tensor.strides, not tensor.read_only, tensor)


def _by_interface(values: Any, name: str, stream: int) -> DeviceArray:
    """By ``__cuda_array_interface__``, of which versions 2 and 3 say the same but for the stream."""
    described = values.__cuda_array_interface__
    written_on = described.get("stream")
    if written_on not in (None, stream):
        raise InvalidArgument(f"{name} is written on stream {written_on:#x}, the context computes on stream {stream:#x}: one "
                              f"stream for both expected, such as lumicrop.Context(stream={written_on:#x})")
    if described.get("mask") is not None:
        raise ValueError("it has a mask")
    address, read_only = described["data"]
    dtype, shape = numpy.dtype(described["typestr"]), tuple(described["shape"])
    strides = described.get("strides")
    strides = contiguous_strides(shape, dtype.itemsize) if strides is None else tuple(strides)
    return DeviceArray(address, dtype, shape, strides, not read_only, values)
