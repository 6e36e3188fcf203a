"""On a GPU, or an emulated one: arrays of the host and of the device in one call, streams, and what is held for how long."""

import gc
import multiprocessing
import threading
import weakref
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

import lumicrop
from device_array import ByDLPack, ByInterface, Memory, stream
from oracle import assert_agrees
from test_native import OUTPUTS, assert_same_bits, job
from test_native_arrays import SUPPORTED, crops_of, layouts
from test_vectors import native_channels
from vectors import NAMES, Vector

pytestmark = pytest.mark.cuda
PROTOCOLS = [ByInterface, ByDLPack]


@pytest.fixture
def context():
    """The GPU on its default stream."""
    with lumicrop.Context("cuda") as context:
        yield context


def on_device(channels, columns, protocol=ByDLPack):
    """The same job, all of its arrays in device memory."""
    channels = [replace(channel, images=protocol(channel.images)) for channel in channels]
    return channels, {name: protocol(column) for name, column in columns.items()}


def out_of(n, protocol=ByDLPack, dtype=float):
    return {name: protocol(np.full(n, 7, np.uint32 if name == "flags" else dtype)) for name in OUTPUTS}


def assert_holds(out, due):
    """Columns in device memory against a result."""
    for name, column in out.items():
        np.testing.assert_array_equal(column.numpy(), getattr(due, name), err_msg=name)


def n_of(columns):
    return len(columns["ch"])


# ------------------------------------------------------------------------------------------------------ host and device


@pytest.mark.parametrize("name", NAMES)
def test_every_vector_of_the_seed_from_both_memories(context, oracle_folder, name):
    vector = Vector.load(oracle_folder, name)
    columns = {name: values for name, values in zip(("X0", "Y0"), vector.origins) if values is not None} | vector.columns
    channels = native_channels(vector)
    result = lumicrop.integrate(channels, **columns, context=context)
    for output in ("photons", "background", "psf_sum", "denominator"):
        assert_agrees(getattr(result, output), vector.in_detection_order(vector.expected), output)

    def lent(values, types="buif"):
        return (
            ByDLPack(values)
            if values.dtype.str[1:] in ("f4", "f8", "u2", "i4", "i8")[: None if types == "i" else 3]
            else values
        )

    lent_columns = {name: lent(values, "i" if name in ("ch", "X0", "Y0") else "f") for name, values in columns.items()}
    if "ch" in columns and columns["ch"].dtype.kind == "f":
        lent_columns["ch"] = columns["ch"]
    channels = [replace(channel, images=lent(channel.images)) for channel in channels]
    assert_same_bits(lumicrop.integrate(channels, **lent_columns, context=context), result)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_call_on_device_memory_gives_the_bits_of_one_on_the_host_s(context, protocol):
    channels, columns = job()
    due = lumicrop.integrate(channels, **columns, context=context)
    out = out_of(n_of(columns), protocol)
    channels, columns = on_device(channels, columns, protocol)
    result = lumicrop.integrate(channels, **columns, out=out, context=context)
    context.synchronize()
    assert result.photons is out["photons"] and result.context.backend == "cuda" and result.context.device == 0
    assert_holds(out, due)


def test_the_gpu_agrees_with_the_cpu(context):
    channels, columns = job()
    gpu, cpu = (lumicrop.integrate(channels, **columns, context=c) for c in (context, lumicrop.Context("cpu")))
    sums = columns["ch"] == 2
    np.testing.assert_array_equal(gpu.background[sums], cpu.background[sums])  # medians: the same bits
    np.testing.assert_array_equal(gpu.flags, cpu.flags)
    for name in ("photons", "background", "psf_sum", "denominator"):
        np.testing.assert_allclose(getattr(gpu, name), getattr(cpu, name), rtol=2e-5, atol=2e-3, err_msg=name)


@pytest.mark.parametrize("seed", range(8))
def test_host_and_device_memory_mix_in_any_way(context, seed):
    rng = np.random.default_rng(seed)
    channels, columns = job(120)
    due = lumicrop.integrate(channels, **columns, context=context)
    lend = lambda values: rng.choice(PROTOCOLS)(values, managed=bool(rng.integers(2))) if rng.integers(2) else values
    channels = [replace(channel, images=lend(channel.images)) for channel in channels]
    columns = {name: lend(column) for name, column in columns.items()}
    out = {name: column for name, column in out_of(120).items() if rng.integers(2)}
    result = lumicrop.integrate(channels, **columns, out=out, outputs=OUTPUTS, context=context)
    context.synchronize()
    assert_holds(out, due)
    for name in OUTPUTS:
        if name not in out:
            np.testing.assert_array_equal(getattr(result, name), getattr(due, name), err_msg=name)


@pytest.mark.parametrize("layout", layouts(crops_of("f4")))
@pytest.mark.parametrize("dtype", SUPPORTED)
def test_any_layout_of_images_in_device_memory_gives_the_same_bits(context, dtype, layout):
    crops = crops_of(dtype)
    due = lumicrop.integrate(lumicrop.Channel(crops, method="sum", gain=1, qe=1), context=context)
    laid_out = ByInterface(layouts(crops)[layout])
    np.testing.assert_array_equal(laid_out.numpy(), crops)
    assert_same_bits(lumicrop.integrate(lumicrop.Channel(laid_out, method="sum", gain=1, qe=1), context=context), due)


def test_columns_of_any_stride_in_device_memory_are_filled_and_nothing_between(context):
    channels, columns = job(60)
    due = lumicrop.integrate(channels, **columns, context=context)

    class EveryThird(ByDLPack):
        """Every third element, backwards, of memory that is all sevens."""

        def __init__(self, dtype):
            super().__init__(np.full(180, 7, dtype))
            self.shape, self.strides = (60,), (-3 * self.dtype.itemsize,)
            self._before = 178 * self.dtype.itemsize
            self.address = self._base + self._before

        def whole(self):
            self.shape, self.strides, self._before = (180,), (self.dtype.itemsize,), 0
            return self.numpy()

    out = {"photons": EveryThird("f8"), "flags": EveryThird("u4")}
    lumicrop.integrate(channels, **columns, out=out, context=context)
    context.synchronize()
    for name, column in out.items():
        whole = column.whole()
        np.testing.assert_array_equal(whole[1::3][::-1], getattr(due, name))
        assert (whole[0::3] == 7).all() and (whole[2::3] == 7).all()


@pytest.mark.parametrize("device_images", [True, False])
def test_crops_gathered_from_a_movie_on_either_side(context, device_images):
    rng = np.random.default_rng(6)
    movie = rng.poisson(60, (4, 20, 25)).astype("u2")
    columns = {
        "frame": rng.integers(0, 4, 90).astype("i4"),
        "X0": rng.integers(-6, 24, 90).astype("i4"),
        "Y0": rng.integers(-8, 19, 90).astype("i4"),
    }
    channel = lumicrop.Channel(movie, method="sum", gain=1, qe=1, crop_shape=(8, 7))
    due = lumicrop.integrate(channel, **columns, context=lumicrop.Context("cpu"))
    out = out_of(90)
    (lent,), lent_columns = on_device([channel], columns)
    lumicrop.integrate(lent if device_images else channel, **lent_columns, out=out, context=context)
    context.synchronize()
    for name in ("background", "flags"):
        np.testing.assert_array_equal(out[name].numpy(), getattr(due, name))
    np.testing.assert_allclose(out["photons"].numpy(), due.photons, rtol=0, atol=4e-6 * 56 * 100)


def test_a_call_of_nothing(context):
    channels, columns = job(6)
    channels, columns = on_device([replace(c, images=c.images[:0]) for c in channels], {k: v[:0] for k, v in columns.items()})
    out = out_of(0)
    lumicrop.integrate(channels, **columns, out=out, context=context)
    context.synchronize()
    assert lumicrop.integrate(channels, **columns, context=context).photons.shape == (0,)


# --------------------------------------------------------------------------------------------------------------- streams


@contextmanager
def context_on_a_stream():
    with stream() as address, lumicrop.Context("cuda", stream=address) as context:
        yield context


def pending(values, written_on, protocol):
    """An array whose `values` are queued to be written; until then it holds nothing."""
    source, array = Memory(values), protocol(np.zeros_like(values))
    array.write_later(source, written_on)
    array.source = source
    return array


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_queued_before_on_the_same_stream_is_seen(protocol):
    channels, columns = job(60)
    with context_on_a_stream() as context:
        due = lumicrop.integrate(channels, **columns, context=context)
        channels, columns = on_device(channels, columns, lambda values: pending(values, context.stream, protocol))
        for array in columns.values():
            array.written_on = context.stream
        out = out_of(60)
        lumicrop.integrate(channels, **columns, out=out, context=context)
        context.synchronize()
        assert_holds(out, due)


def test_an_array_that_speaks_dlpack_may_be_written_on_another_stream():
    channels, columns = job(60)
    with stream() as producer, context_on_a_stream() as context:
        due = lumicrop.integrate(channels, **columns, context=context)

        def written_elsewhere(values):
            array = pending(values, producer, ByDLPack)
            array.written_on = producer
            return array

        channels, columns = on_device(channels, columns, written_elsewhere)
        out = out_of(60)
        lumicrop.integrate(channels, **columns, out=out, context=context)
        context.synchronize()
        assert_holds(out, due)
        assert all(column.asked_on == [context.stream] for column in columns.values())


def test_an_array_that_names_another_stream_is_refused():
    channels, columns = job(60)
    with stream() as producer, context_on_a_stream() as context:
        columns["y_fit"] = ByInterface(columns["y_fit"])
        columns["y_fit"].written_on = producer
        with pytest.raises(
            lumicrop.InvalidArgument, match=rf"y_fit is written on stream {producer:#x}.*Context\(stream={producer:#x}\)"
        ):
            lumicrop.integrate(channels, **columns, context=context)
        with lumicrop.Context("cuda", stream=producer) as same:
            assert_same_bits(
                lumicrop.integrate(channels, **columns, context=same),
                lumicrop.integrate(*job(60)[:1], **job(60)[1], context=same),
            )


def test_the_default_stream_is_the_one_that_both_protocols_number_1(context):
    channels, columns = job(60)
    due = lumicrop.integrate(channels, **columns, context=context)
    columns["x_fit"] = ByInterface(columns["x_fit"])
    columns["x_fit"].written_on = 1
    columns["y_fit"] = ByDLPack(columns["y_fit"])
    assert_same_bits(lumicrop.integrate(channels, **columns, context=context), due)
    assert columns["y_fit"].asked_on == [1]


def test_contexts_of_two_threads_run_side_by_side():
    channels, columns = job(120)
    due = lumicrop.integrate(channels, **columns, context=lumicrop.Context("cuda"))
    failures = []

    def work():
        try:
            with context_on_a_stream() as context:
                for _ in range(3):
                    out = out_of(120)
                    lumicrop.integrate(*on_device(channels, {})[:1], **on_device([], columns)[1], out=out, context=context)
                    context.synchronize()
                    assert_holds(out, due)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not failures


# ------------------------------------------------------------------------------------------------------------- what is held


def test_arrays_are_held_until_the_context_is_synchronised(context):
    channels, columns = on_device(*job(60))
    out = out_of(60)
    due = lumicrop.integrate(*job(60)[:1], **job(60)[1], context=context)
    lent = [*(channel.images for channel in channels), *columns.values(), *out.values()]
    spline = weakref.ref(channels[2].spline)
    lumicrop.integrate(channels, **columns, out=out, context=context)
    channels[2].spline = None
    gc.collect()
    assert [(array.exports, array.deleted) for array in lent] == [(1, 0)] * len(lent) and spline() is not None
    context.synchronize()
    gc.collect()
    assert [(array.exports, array.deleted) for array in lent] == [(1, 1)] * len(lent) and spline() is None
    assert_holds(out, due)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_caller_may_forget_the_arrays_of_a_queued_call(context, protocol):
    """Freed at once, their memory would be gone before the call has run."""
    due = lumicrop.integrate(*job(60)[:1], **job(60)[1], context=context)
    channels, columns = on_device(*job(60), protocol)
    out = out_of(60, protocol)
    lumicrop.integrate(channels, **columns, out=out, context=context)
    gone = [weakref.ref(column) for column in columns.values()]
    del channels, columns
    gc.collect()
    context.synchronize()
    gc.collect()
    assert_holds(out, due)
    assert all(reference() is None for reference in gone)


def test_a_later_call_that_waits_lets_go_of_them(context):
    channels, columns = on_device(*job(60))
    lumicrop.integrate(channels, **columns, out=out_of(60), context=context)
    host_only = job(6)
    lumicrop.integrate(host_only[0], **host_only[1], context=context)  # it runs beside the stream, and says nothing of it
    gc.collect()
    assert columns["x_fit"].deleted == 0
    lumicrop.integrate(channels, **columns, outputs="photons", context=context)
    gc.collect()
    assert columns["x_fit"].deleted == columns["x_fit"].exports == 2


@pytest.mark.parametrize("end", ["close", "forget"])
def test_the_end_of_a_context_waits_for_what_it_has_queued_and_lets_go(end):
    channels, columns = job(60)
    context = lumicrop.Context("cuda")
    due = lumicrop.integrate(channels, **columns, context=context)
    channels, columns = on_device(channels, columns)
    out = out_of(60)
    lumicrop.integrate(channels, **columns, out=out, context=context)
    if end == "close":
        context.close()
    del context
    gc.collect()
    assert columns["x_fit"].deleted == 1
    assert_holds(out, due)


def test_a_refused_call_holds_nothing(context):
    channels, columns = on_device(*job(60))
    columns["x_fit"] = ByDLPack(np.zeros(59))
    with pytest.raises(lumicrop.InvalidArgument, match="x_fit has 59 values, 60 detections expected"):
        lumicrop.integrate(channels, **columns, out=out_of(60), context=context)
    gc.collect()
    assert columns["x_fit"].deleted == columns["y_fit"].deleted == 1


# --------------------------------------------------------------------------------------------- what the device alone knows


def test_bad_labels_in_device_memory_are_flagged_and_reported_once(context):
    channels, columns = job(60)
    due = lumicrop.integrate(channels, **columns, context=context)
    # A detection that comes after all others of its channel: the others keep their crops.
    bad = int(np.flatnonzero(columns["ch"] == 2)[-1])
    columns["ch"][bad] = 9
    channels, columns = on_device(channels, columns)
    out = out_of(60)
    lumicrop.integrate(channels, **columns, out=out, context=context)
    with pytest.raises(lumicrop.BadIndex):
        context.synchronize()
    context.synchronize()
    assert out["flags"].numpy()[bad] & lumicrop.Flag.BAD_INDEX and np.isnan(out["photons"].numpy()[bad])
    good = np.arange(60) != bad
    np.testing.assert_array_equal(out["photons"].numpy()[good], due.photons[good])
    np.testing.assert_array_equal(out["flags"].numpy()[good], due.flags[good])


def test_bad_frames_in_device_memory_are_flagged_and_reported(context):
    movie = np.random.default_rng(1).poisson(60, (4, 20, 25)).astype("u2")
    place = ByDLPack(np.full(5, 3, "i4"))
    channel = lumicrop.Channel(ByDLPack(movie), method="sum", gain=1, qe=1, crop_shape=(7, 7))
    out = out_of(5)
    lumicrop.integrate(channel, frame=ByDLPack(np.array([0, 4, 3, -1, 2])), X0=place, Y0=place, out=out, context=context)
    with pytest.raises(lumicrop.BadIndex):
        context.synchronize()
    np.testing.assert_array_equal(np.isnan(out["photons"].numpy()), [False, True, False, True, False])
    np.testing.assert_array_equal(out["flags"].numpy(), [0, 512, 0, 512, 0])


def test_memory_that_is_no_device_s_is_refused_by_name(context):
    channels, columns = job(60)
    columns["os_fit"] = ByInterface(columns["os_fit"], pretended=True)
    with pytest.raises(lumicrop.InvalidArgument, match="os_fit is said to lie in device memory, but does not"):
        lumicrop.integrate(channels, **columns, context=context)


def test_labels_in_device_memory_are_not_counted(context):
    movie = lumicrop.Channel(ByDLPack(np.ones((2, 9, 9), "f4")), method="sum", gain=1, qe=1, crop_shape=(5, 5))
    place = np.zeros(4, "i4")
    columns = {"ch": ByDLPack(np.array([1, 2, 1, 2], "i4")), "frame": place, "X0": place, "Y0": place}
    with pytest.raises(lumicrop.InvalidArgument, match="labels in device memory cannot be counted"):
        lumicrop.integrate([movie, movie], **columns, context=context)
    counted = replace(movie, n_detections=2)
    assert (lumicrop.integrate([counted, counted], **columns, context=context).photons == 0).all()


# ------------------------------------------------------------------------------------------------------- workspace, budget


def test_a_workspace_of_the_size_told_suffices_and_less_is_refused():
    channels, columns = job(120)
    with lumicrop.Context("cuda") as context:
        due = lumicrop.integrate(channels, **columns, context=context)
        lent, lent_columns, out = *on_device(channels, columns), out_of(120)
        needed = lumicrop.workspace_bytes(lent, **lent_columns, out=out, context=context)
    assert needed > 0
    for protocol in PROTOCOLS:
        with lumicrop.Context("cuda", workspace=protocol(np.zeros(needed, np.uint8))) as context:
            lumicrop.integrate(lent, **lent_columns, out=out, context=context)
            context.synchronize()
            assert_holds(out, due)
    with lumicrop.Context("cuda", workspace=ByDLPack(np.zeros(needed - 1, np.uint8))) as context:
        with pytest.raises(lumicrop.OutOfMemory, match="workspace"):
            lumicrop.integrate(lent, **lent_columns, out=out, context=context)


def test_a_context_holds_its_workspace():
    workspace = ByDLPack(np.zeros(4096, np.uint8))
    context = lumicrop.Context("cuda", workspace=workspace)
    gc.collect()
    assert workspace.deleted == 0
    context.close()
    del context
    gc.collect()
    assert workspace.deleted == 1


@pytest.mark.parametrize("budget", [1 << 20, 4 << 20])
def test_the_budget_changes_no_bit(context, budget):
    channels, columns = job(6000)
    due = lumicrop.integrate(channels, **columns, context=context)
    with lumicrop.Context("cuda", memory_budget=budget) as small:
        assert_same_bits(lumicrop.integrate(channels, **columns, context=small), due)


def test_a_budget_too_small_for_one_crop_is_refused():
    channels, columns = job(60)
    with lumicrop.Context("cuda", memory_budget=1) as context, pytest.raises(lumicrop.OutOfMemory):
        lumicrop.integrate(channels, **columns, context=context)


def _use_in_child(channels, columns):
    try:
        lumicrop.integrate(channels, **columns, context=_INHERITED)
    except lumicrop.Error as error:
        return type(error).__name__, str(error)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_refused_its_parent_s_gpu_and_the_parent_goes_on():
    global _INHERITED
    channels, columns = job(60)
    channels, columns = channels[:1], {name: values[columns["ch"] == 1] for name, values in columns.items()}
    with lumicrop.Context("cuda") as _INHERITED:
        due = lumicrop.integrate(channels, **columns, context=_INHERITED)
        with multiprocessing.get_context("fork").Pool(1) as pool:
            kind, text = pool.apply_async(_use_in_child, (channels, columns)).get(timeout=60)
        assert kind == "Unsupported" and "a child made by fork" in text
        assert_same_bits(lumicrop.integrate(channels, **columns, context=_INHERITED), due)


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(lumicrop.Error, match="99"):
        lumicrop.Context("cuda", device=99)
