"""What a context is made with: progress and its end, streams, budgets, workspace."""

import gc
import threading
import weakref

import numpy as np
import pytest

import lumicrop
from device_array import ByDLPack, ByInterface
from test_native import assert_same_bits, job

BACKENDS = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]
CROP = np.random.default_rng(2).normal(100, 10, (11, 11)).astype(np.float32)


def many(n=300_000):
    """A channel of many crops, all the same one: several chunks on any backend that is told to keep little at a time."""
    return lumicrop.Channel(np.broadcast_to(CROP, (n, 11, 11)), method="sum", gain=1, qe=1)


def context_of(backend, **options):
    return lumicrop.Context(backend, **options, **({} if backend == "cpu" else {"memory_budget": 8 << 20}))


# -------------------------------------------------------------------------------------------------------------- progress


@pytest.mark.parametrize("backend", BACKENDS)
def test_progress_is_told_in_order_up_to_the_end(backend):
    told, n = [], 300_000 if backend == "cpu" else 20_000
    with context_of(backend, progress=lambda done, total: told.append((done, total, threading.get_ident()))) as context:
        with_progress = lumicrop.integrate(many(n), context=context)
    done = [entry[0] for entry in told]
    assert len(done) > 1 and done == sorted(set(done)) and 0 < done[0] and done[-1] == n
    assert {entry[1:] for entry in told} == {(n, threading.get_ident())}
    with context_of(backend) as context:
        assert_same_bits(with_progress, lumicrop.integrate(many(n), context=context))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("answer", [True, 1, "stop"])
def test_what_progress_returns_ends_the_call_and_the_context_goes_on(backend, answer):
    n, told, answers = 300_000 if backend == "cpu" else 20_000, [], [answer]

    def progress(done, total):
        told.append(done)
        return answers[0]

    with context_of(backend, progress=progress) as context:
        with pytest.raises(lumicrop.Cancelled, match="progress") as raised:
            lumicrop.integrate(many(n), context=context)
        assert len(told) == 1 and told[0] < n
        assert raised.value.status == 10 and not isinstance(raised.value, ValueError)
        answers[0] = None
        result = lumicrop.integrate(many(n), context=context)
    assert told[-1] == n and np.isfinite(result.photons).all()


class Stop(Exception):
    pass


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", [Stop, KeyboardInterrupt, SystemExit])
def test_what_progress_raises_ends_the_call_and_is_raised_again(backend, kind, capfd):
    error, raises = kind("enough"), [True]

    def progress(done, total):
        if raises[0]:
            raise error

    with context_of(backend, progress=progress) as context:
        with pytest.raises(kind) as raised:
            lumicrop.integrate(many(), context=context)
        assert raised.value is error
        raises[0] = False
        lumicrop.integrate(many(1000), context=context)
    assert capfd.readouterr() == ("", "")


def test_progress_must_not_use_its_context():
    seen = []

    def progress(done, total):
        for use in context.synchronize, context.close, lambda: lumicrop.integrate(many(3), context=context):
            with pytest.raises(lumicrop.InvalidArgument, match="context: it is at work on the call that reports its progress"):
                use()
        seen.append(lumicrop.integrate(many(3)).photons)  # another one may be used

    with context_of("cpu", progress=progress) as context:
        lumicrop.integrate(many(10), context=context)
    assert len(seen) == 1


def test_progress_lives_as_long_as_its_context():
    def progress(done, total):
        pass

    here = weakref.ref(progress)
    context = context_of("cpu", progress=progress)
    del progress
    gc.collect()
    lumicrop.integrate(many(1000), context=context)
    assert here() is not None
    context.close()
    del context
    gc.collect()
    assert here() is None


# --------------------------------------------------------------------------------------------------------------- options


class Stream:
    """A stream of another library."""

    def __init__(self, address):
        self.address = address

    def __cuda_stream__(self):
        return 0, self.address


@pytest.mark.parametrize(
    "options, kind, message",
    [
        ({"progress": 7}, lumicrop.InvalidArgument, "progress is 7, a callable expected"),
        (
            {"stream": "first"},
            lumicrop.InvalidArgument,
            "stream is 'first', an address or an object with __cuda_stream__ expected",
        ),
        ({"stream": -1}, lumicrop.InvalidArgument, "stream is -1, an address"),
        ({"stream": 1 << 64}, lumicrop.InvalidArgument, "stream is 18446744073709551616, an address"),
        ({"stream": Stream("first")}, lumicrop.InvalidArgument, "stream is .*, an address"),
        ({"stream": Stream(64), "backend": "cpu"}, lumicrop.InvalidArgument, "stream is set, but the CPU backend has none"),
        ({"memory_budget": -1}, lumicrop.InvalidArgument, "memory_budget is -1"),
        ({"memory_budget": 1.5}, lumicrop.InvalidArgument, "memory_budget is 1.5, a whole number expected"),
        (
            {"workspace": np.zeros(512)},
            lumicrop.InvalidArgument,
            "workspace: an array in device memory expected, found ndarray",
        ),
        (
            {"workspace": ByInterface(np.zeros(64)[::2], pretended=True)},
            lumicrop.InvalidArgument,
            "workspace is .*not contiguous",
        ),
        (
            {"workspace": ByDLPack(np.zeros(64), pretended=True, read_only=True)},
            lumicrop.InvalidArgument,
            "workspace is read-only",
        ),
        (
            {"workspace": ByDLPack(np.zeros(64), pretended=True), "backend": "cpu"},
            lumicrop.InvalidArgument,
            "workspace is set, but the CPU",
        ),
    ],
)
def test_contexts_that_cannot_be_made(options, kind, message):
    with pytest.raises(kind, match=message):
        lumicrop.Context(**options)


def test_a_context_knows_its_stream():
    with lumicrop.Context("cpu") as context:
        assert context.stream == 0
    with lumicrop.Context("cpu", stream=Stream(0)) as context:
        assert context.stream == 0


def test_the_environment_keeps_the_cpu_and_says_so(monkeypatch):
    monkeypatch.setenv("LUMICROP_BACKEND", "cpu")
    with lumicrop.Context() as context:
        assert context.info.backend == "cpu" and context.info.reason == "LUMICROP_BACKEND=cpu is set in the environment"


def test_the_cpu_needs_no_workspace():
    channels, columns = job(60)
    with lumicrop.Context("cpu") as context:
        assert lumicrop.workspace_bytes(channels, **columns, context=context) == 0
        with pytest.raises(lumicrop.InvalidArgument, match="x_fit has 59 values, 60 detections expected"):
            lumicrop.workspace_bytes(channels, **columns | {"x_fit": columns["x_fit"][1:]}, context=context)
        with pytest.raises(TypeError, match="unexpected keyword argument 'x'"):
            lumicrop.workspace_bytes(channels, **columns, x=1, context=context)
