"""Where it is computed: the backends of this build, and contexts on them."""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._abi import InvalidArgument, Unsupported, check, ffi, lib, new
from ._device_arrays import device_array, lives_on_device

BACKENDS = {"auto": lib.LUMICROP_BACKEND_AUTO, "cpu": lib.LUMICROP_BACKEND_CPU, "cuda": lib.LUMICROP_BACKEND_CUDA}
INSTRUCTION_SETS = {"auto": lib.LUMICROP_ISA_AUTO, "baseline": lib.LUMICROP_ISA_BASELINE,
                    "avx2": lib.LUMICROP_ISA_AVX2, "avx512": lib.LUMICROP_ISA_AVX512}
_BACKEND_NAMES = {code: name for name, code in BACKENDS.items()}
_INSTRUCTION_SET_NAMES = {code: name for name, code in INSTRUCTION_SETS.items() if name != "auto"}


def chosen(value, choices: dict, name: str):
    """What `choices` holds for the word `value`, whose case does not matter; else an error that lists the words."""
    try:
        return choices[value.lower()]
    except (AttributeError, KeyError):
        raise InvalidArgument(f"{name} is {value!r}, one of {', '.join(map(repr, choices))} expected") from None


@dataclass(frozen=True)
class BackendInfo:
    """What is known of one backend without using it.

    Attributes
    ----------
    name : str
        ``"cpu"`` or ``"cuda"``.
    compiled_in, found, usable : bool
        This build contains it; its processor, or a GPU with a driver, is there; a context can be created.
    n_devices : int
        CPU: 1; CUDA: GPUs found.
    instruction_set : str
        CPU: the best one usable; CUDA: ``""``.
    threads : int
        CPU: threads used when the caller does not say; CUDA: 0.
    reason : str
        Why it is usable, or why not: one sentence.
    """

    name: str
    compiled_in: bool
    found: bool
    usable: bool
    n_devices: int
    instruction_set: str
    threads: int
    reason: str


@dataclass(frozen=True)
class ContextInfo:
    """What a context came to use.

    Attributes
    ----------
    backend : str
        ``"cpu"`` or ``"cuda"``.
    instruction_set : str
        CPU: ``"baseline"``, ``"avx2"`` or ``"avx512"``; CUDA: ``""``.
    threads : int
        CPU: threads that a call may use; CUDA: 0.
    device : int
        CUDA: ordinal of the GPU; CPU: -1.
    reason : str
        Why this backend: one sentence.
    """

    backend: str
    instruction_set: str
    threads: int
    device: int
    reason: str


def backends() -> list[BackendInfo]:
    """What is known of each backend: compiled in, found, usable, and why.

    Returns
    -------
    list of BackendInfo
        The CPU, then CUDA.
    """
    known = []
    for name in ("cpu", "cuda"):
        info = new("backend_info")
        check(lib.lumicrop_backend_query(BACKENDS[name], info))
        known.append(BackendInfo(name, bool(info.compiled_in), bool(info.found), bool(info.usable), info.n_devices,
                                 _INSTRUCTION_SET_NAMES.get(info.isa, ""), info.n_threads, _text(info.reason)))
    return known


class Context:
    """A backend, a device, a stream and reusable workspace.

    One context computes for one thread at a time: calls from several threads wait for each other. Contexts of
    different threads run side by side. A child made by ``fork`` may go on using a context of the CPU, but none of a GPU.

    Parameters
    ----------
    backend : {"auto", "cpu", "cuda"}, default "auto"
        ``"auto"``: a GPU when one works, else the CPU; ``LUMICROP_BACKEND=cpu`` in the environment makes it the CPU.
    threads : int, default 0
        CPU: threads that a call may use; 0: OpenMP's own number. Results do not depend on it.
    instruction_set : {"auto", "baseline", "avx2", "avx512"}, default "auto"
        CPU: ``"auto"`` is the best that the processor has.
    device : int, default -1
        CUDA: ordinal of the GPU; -1: the thread's current one.
    stream : int or object with ``__cuda_stream__``, default 0
        CUDA: the address of the caller's ``cudaStream_t`` (CuPy: ``stream.ptr``, PyTorch: ``stream.cuda_stream``), which must
        outlive the context, or an object that tells it; 0: the default stream.
    memory_budget : int, default 0
        CUDA: device memory that arrays of the host may take on their way [bytes]; 0: half of what is free when it is first
        needed.
    progress : callable, optional
        ``progress(done, total)`` is called between the chunks of a call, on its thread, with numbers of detections; not
        where all arrays live on the device. What it returns ends the call with `Cancelled` if it is true; what it raises
        ends the call and is raised again. It must not use this context.
    workspace : array in device memory, optional
        CUDA: contiguous memory, aligned to 256 bytes, for calls whose arrays all live on the device; `workspace_bytes` tells
        how much they need. None: a pool of the context's own.

    Attributes
    ----------
    info : ContextInfo
        What it came to use.
    stream : int
        Address of its stream; 0: the default stream.

    Raises
    ------
    InvalidArgument, Unsupported, NoDevice, DriverTooOld, NoKernelImage, OutOfMemory, CudaFailure
        If there is no such backend, device or instruction set; the text says why.

    Notes
    -----
    A call whose arrays all live on the device returns when its work is queued on `stream`. The context holds on to the arrays
    until `synchronize`, `close`, or a later call that mixes such arrays with columns of the host to fill.

    Examples
    --------
    >>> import lumicrop
    >>> with lumicrop.Context("cpu", threads=1) as context:
    ...     context.info.threads
    1
    """

    def __init__(self, backend: str = "auto", threads: int = 0, instruction_set: str = "auto", device: int = -1,
                 stream: Any = 0, memory_budget: int = 0, progress: Callable[[int, int], Any] | None = None,
                 workspace: Any = None):
        options = new("options")
        options.backend = chosen(backend, BACKENDS, "backend")
        options.isa = chosen(instruction_set, INSTRUCTION_SETS, "instruction_set")
        for name, field, value in (("threads", "n_threads", threads), ("device", "device", device),
                                   ("memory_budget", "memory_budget", memory_budget)):
            try:
                setattr(options, field, value)
            except (TypeError, OverflowError) as error:
                raise InvalidArgument(f"{name} is {value!r}, a whole number expected: {error}") from None
        self.stream = _stream_address(stream)
        options.stream = ffi.cast("void*", self.stream)
        self._progress = None if progress is None else _Progress(progress)
        if self._progress is not None:
            options.progress = self._progress.callback
        if workspace is not None:
            workspace = _workspace(workspace, self.stream)
            options.workspace, options.workspace_bytes = ffi.cast("void*", workspace.address), workspace.nbytes
        made = ffi.new("lumicrop_context**")
        check(lib.lumicrop_context_create(options, made))
        self._queued: list = []  # what calls use that the stream may not have passed yet
        self._handle = ffi.gc(made[0], _destroyer(self._queued, self._progress, stream, workspace))
        self._lock = threading.RLock()
        self._is_calling = False
        self._process = os.getpid()
        self.info = self._query()

    def _query(self) -> ContextInfo:
        info = new("context_info")
        check(lib.lumicrop_context_query(self._handle, info))
        return ContextInfo(_BACKEND_NAMES[info.backend], _INSTRUCTION_SET_NAMES.get(info.isa, ""), info.n_threads,
                           info.device, _text(info.reason))

    def call(self, function, *arguments, uses: Any = None, waits: bool = False) -> None:
        """Call ``function(context, *arguments)`` of the C ABI, one thread at a time, and raise what it reports.

        Parameters
        ----------
        function, *arguments
            What to call, after the context.
        uses : object, optional
            What must stay alive until the stream has passed the call.
        waits : bool, default False
            Whether a call that succeeds returns only when the stream has passed it, and all that was queued before.
        """
        with self._lock:
            self._refuse_use_by_progress()
            if self._handle is None:
                raise InvalidArgument("context: it has been closed")
            if not self.works_here:
                raise Unsupported("context: a child made by fork cannot use a GPU of its parent; start children by spawn")
            self._is_calling = True
            try:
                status = function(self._handle, *arguments)
            finally:
                self._is_calling = False
            try:
                if self._progress is not None:
                    self._progress.raise_again()
                check(status)
            finally:
                if waits or uses is not None:
                    self._hold(uses, waits, status)

    @property
    def works_here(self) -> bool:
        """False in a child made by ``fork``, of a context on a GPU."""
        return self.info.backend == "cpu" or self._process == os.getpid()

    def _hold(self, uses: Any, waits: bool, status: int) -> None:
        """Keep what a call uses, or let all go where it has waited."""
        if waits and status in (lib.LUMICROP_OK, lib.LUMICROP_BAD_INDEX):
            self._queued.clear()
        elif uses is not None and status not in (lib.LUMICROP_INVALID_ARGUMENT, lib.LUMICROP_UNSUPPORTED):
            self._queued.append(uses)

    def _refuse_use_by_progress(self) -> None:
        if self._is_calling:  # the lock lets this thread pass
            raise InvalidArgument("context: it is at work on the call that reports its progress")

    def synchronize(self) -> None:
        """Wait for what the context has queued, and raise the first failure since it was last asked.

        Raises
        ------
        BadIndex, CudaFailure
            Only on a GPU; on the CPU nothing is ever queued.
        """
        self.call(lib.lumicrop_synchronize, waits=True)

    def close(self) -> None:
        """End the context and free what it held. Closing twice is allowed."""
        with self._lock:
            self._refuse_use_by_progress()
            if self._handle is not None:
                ffi.release(self._handle)
                self._handle = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"<lumicrop.Context {'closed' if self._handle is None else self.info}>"


_of_this_thread = threading.local()  # its contexts are freed with the thread


def default_context(backend="auto", threads=0) -> Context:
    """The calling thread's own context with these options, made at the first call."""
    contexts = _of_this_thread.__dict__
    key = f"{backend}/{threads}"
    if key not in contexts or not contexts[key].works_here:
        contexts[key] = Context(backend, threads)
    return contexts[key]


class _Progress:
    """A caller's function as the library calls it, and what it raised."""

    def __init__(self, function: Callable[[int, int], Any]):
        if not callable(function):
            raise InvalidArgument(f"progress is {function!r}, a callable expected")
        raised: list[BaseException] = []

        def ends_the_call(_, done: int, total: int) -> int:
            return bool(function(done, total))

        def keep(_kind, error: BaseException, _traceback) -> None:
            raised.append(error)

        self._raised = raised
        self.callback = ffi.callback("lumicrop_progress", ends_the_call, error=1, onerror=keep)

    def raise_again(self) -> None:
        """Raise what the function raised, if it did."""
        if self._raised:
            raise self._raised.pop()


def _destroyer(queued: list, *used):
    """What ends a context: first the library is done with what `queued` and `used` hold, then they may go."""
    kept, process = list(used), os.getpid()

    def destroy(handle) -> None:
        if process == os.getpid():  # a child made by fork leaves to its parent what is the parent's
            lib.lumicrop_context_destroy(handle)
        kept.clear()
        queued.clear()

    return destroy


def _stream_address(stream: Any) -> int:
    """Address of a ``cudaStream_t``, from a number or from an object of another library."""
    tell = getattr(stream, "__cuda_stream__", None)
    try:
        address = operator.index(stream if tell is None else tell()[1])
    except (TypeError, LookupError):
        address = -1
    if not 0 <= address < 1 << 64:
        raise InvalidArgument(f"stream is {stream!r}, an address or an object with __cuda_stream__ expected")
    return address


def _workspace(workspace: Any, stream: int):
    """The caller's workspace, if the library can use it."""
    if not lives_on_device(workspace):
        raise InvalidArgument(f"workspace: an array in device memory expected, found {type(workspace).__name__}")
    workspace = device_array(workspace, "workspace", stream)
    if not (workspace.writable and workspace.contiguous):
        raise InvalidArgument("workspace is read-only or not contiguous, plain memory expected")
    return workspace


def _text(characters) -> str:
    return ffi.string(characters).decode(errors="replace")
