"""The command in a process of its own, which is forked from one that has loaded everything, so that it starts at once."""

import ctypes
import importlib
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__, "lumicrop.command", "lumicrop.integrate_command", "lumicrop.report"])

#: What root may do beyond others: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH.
_CAPABILITIES = (1, 2)


@dataclass
class Ended:
    """How a process ended: exit status, what it said, and its peak of memory [MB]."""

    status: int
    out: str
    err: str
    peak_mb: float


class CommandProcess:
    """``lumicrop ARGUMENTS`` in a folder; a context manager that leaves no process behind.

    Parameters
    ----------
    folder : pathlib.Path
    arguments
    prepare : sequence of tuple
        Functions and their arguments, called in the new process before the command.
    terminal : str, optional
        Name of the terminal that it writes to, instead of files.
    """

    def __init__(self, folder, *arguments, prepare=(), terminal=None):
        self._said = Path(tempfile.mkdtemp(prefix="lumicrop-said"))
        names = [terminal or str(self._said / name) for name in ("out", "err")]
        arguments = [str(argument) for argument in arguments]
        self._process = _processes.Process(target=_run, args=(str(folder), arguments, names, str(self._said), prepare))

    def __enter__(self):
        self._process.start()
        while not (self._said / "begun").exists():
            assert self._process.exitcode is None
            time.sleep(0.002)
        return self

    def __exit__(self, *_):
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        for path in self._said.iterdir():
            path.unlink()
        self._said.rmdir()

    @property
    def is_alive(self):
        return self._process.is_alive()

    def send(self, number):
        os.kill(self._process.pid, number)

    def ended(self, within=60):
        """Wait for its end."""
        self._process.join(within)
        assert not self.is_alive, f"still running after {within} s"
        out, err, peak = ((self._said / name).read_bytes().decode(errors="surrogateescape") if (self._said / name).exists() else ""
                          for name in ("out", "err", "peak"))  # fmt: skip
        return Ended(self._process.exitcode, out, err, float(peak or "nan"))


def run_command(folder, *arguments, within=60, **how):
    """Run the command to its end."""
    with CommandProcess(folder, *arguments, **how) as process:
        return process.ended(within)


def _run(folder, arguments, names, said, prepare):
    os.chdir(folder)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, name in enumerate(names, 1):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    from lumicrop import command

    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", errors=errors, closefd=False)
                              for number, errors in ((1, "strict"), (2, "backslashreplace")))  # fmt: skip
    sys.argv = ["lumicrop", *arguments]
    for function, *values in prepare:
        function(*values)
    app, begun = command.app, Path(said, "begun")

    def begins():  # signals are heard from here on
        begun.touch()
        app()

    command.app = begins
    try:
        command.main()
    finally:
        with open("/proc/self/status") as status:
            kilobytes = next(line.split()[1] for line in status if line.startswith("VmHWM"))
        Path(said, "peak").write_text(str(int(kilobytes) / 1000))


# ------------------------------------------------------------------------------------- what a process may be prepared by


def disk_of(size):
    """Files cannot grow beyond `size` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def no_privileges():
    """Root, too, is stopped by the access rights of files."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in _CAPABILITIES:
        assert libc.prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP

    class Header(ctypes.Structure):
        _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]

    class Sets(ctypes.Structure):
        _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]

    header, sets = Header(0x20080522, 0), (Sets * 2)()
    assert libc.capget(ctypes.byref(header), sets) == 0
    for name in ("effective", "permitted"):
        for capability in _CAPABILITIES:
            setattr(sets[0], name, getattr(sets[0], name) & ~(1 << capability))
    assert libc.capset(ctypes.byref(header), sets) == 0


def stalls_at(place, marker, seconds=60.0):
    """``module:name`` touches the file `marker` and then takes its time, before it does what it does."""
    module, _, name = place.partition(":")
    owner = importlib.import_module(module)
    *classes, name = name.split(".")
    for each in classes:
        owner = getattr(owner, each)
    original = getattr(owner, name)

    def stalled(*arguments, **more):
        Path(marker).touch()
        time.sleep(seconds)
        return original(*arguments, **more)

    setattr(owner, name, stalled)


def stalls_where_errors_are_ignored(place, marker):
    """Like `stalls_at`, in a destructor."""
    module, _, name = place.partition(":")
    owner = importlib.import_module(module)
    original = getattr(owner, name)

    class Stalling:
        def __del__(self):
            Path(marker).touch()
            time.sleep(60)

    def stalled(*arguments, **more):
        Stalling()
        return original(*arguments, **more)

    setattr(owner, name, stalled)


def lasts_longer(place, marker, seconds=0.3):
    """``module:name`` touches the file `marker` after it has done what it does, and then takes its time."""
    module, _, name = place.partition(":")
    owner = importlib.import_module(module)
    original = getattr(owner, name)

    def lasting(*arguments, **more):
        result = original(*arguments, **more)
        Path(marker).touch()
        time.sleep(seconds)
        return result

    setattr(owner, name, lasting)


def hangs_in_hdf5(place, marker):
    """Like `stalls_at`, and meanwhile nobody else can use HDF5."""
    import h5py

    stalls_at(place, marker)
    module, _, name = place.partition(":")
    owner, name = getattr(importlib.import_module(module), name.partition(".")[0]), name.partition(".")[2]
    stalled = getattr(owner, name)

    def hanging(*arguments, **more):
        with h5py._objects.phil:
            return stalled(*arguments, **more)

    setattr(owner, name, hanging)


def impatient():
    """Whatever hangs is given up after a second."""
    from lumicrop import background_threads, ending_signals

    background_threads._PATIENCE = 0.3
    ending_signals.PATIENCE = 1.0


def small_parts():
    """A movie is read a frame at a time."""
    from lumicrop import movie_integration

    movie_integration.count_movie.__kwdefaults__["chunk_bytes"] = 1


def closes(kind):
    """Standard output is a pipe that nobody reads, a full disk, or not there."""
    if kind == "nothing":
        os.close(1)
        sys.stdout = None
        return
    reading, writing = os.pipe() if kind == "pipe" else (None, os.open(kind, os.O_WRONLY))
    if reading is not None:
        os.close(reading)
    os.dup2(writing, 1)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
