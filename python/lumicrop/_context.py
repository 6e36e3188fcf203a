"""Where it is computed: the backends of this build, and contexts on them."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from ._abi import InvalidArgument, check, ffi, lib, new

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
    different threads run side by side. A child made by ``fork`` may go on using a context of the CPU.

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
    stream : int, default 0
        CUDA: address of the caller's ``cudaStream_t``, which must outlive the context; 0: the default stream.

    Attributes
    ----------
    info : ContextInfo
        What it came to use.

    Raises
    ------
    InvalidArgument, Unsupported, NoDevice, DriverTooOld, NoKernelImage, OutOfMemory, CudaFailure
        If there is no such backend, device or instruction set; the text says why.

    Examples
    --------
    >>> import lumicrop
    >>> with lumicrop.Context("cpu", threads=1) as context:
    ...     context.info.threads
    1
    """

    def __init__(self, backend="auto", threads=0, instruction_set="auto", device=-1, stream=0):
        options = new("options")
        options.backend = chosen(backend, BACKENDS, "backend")
        options.isa = chosen(instruction_set, INSTRUCTION_SETS, "instruction_set")
        for name, field, value in (("threads", "n_threads", threads), ("device", "device", device)):
            try:
                setattr(options, field, value)
            except (TypeError, OverflowError) as error:
                raise InvalidArgument(f"{name} is {value!r}, a whole number expected: {error}") from None
        options.stream = ffi.cast("void*", stream)
        made = ffi.new("lumicrop_context**")
        check(lib.lumicrop_context_create(options, made))
        self._handle = ffi.gc(made[0], lib.lumicrop_context_destroy)
        self._lock = threading.Lock()
        self.info = self._query()

    def _query(self) -> ContextInfo:
        info = new("context_info")
        check(lib.lumicrop_context_query(self._handle, info))
        return ContextInfo(_BACKEND_NAMES[info.backend], _INSTRUCTION_SET_NAMES.get(info.isa, ""), info.n_threads,
                           info.device, _text(info.reason))

    def call(self, function, *arguments) -> None:
        """Call ``function(context, *arguments)`` of the C ABI, one thread at a time, and raise what it reports."""
        with self._lock:
            if self._handle is None:
                raise InvalidArgument("context: it has been closed")
            check(function(self._handle, *arguments))

    def synchronize(self) -> None:
        """Wait for what the context has queued, and raise the first failure since it was last asked.

        Raises
        ------
        BadIndex, CudaFailure
            Only on a GPU; on the CPU nothing is ever queued.
        """
        self.call(lib.lumicrop_synchronize)

    def close(self) -> None:
        """End the context and free what it held. Closing twice is allowed."""
        with self._lock:
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
    if key not in contexts:
        contexts[key] = Context(backend, threads)
    return contexts[key]


def _text(characters) -> str:
    return ffi.string(characters).decode(errors="replace")
