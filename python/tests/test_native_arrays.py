"""Arrays reach the library as they lie: by strides, without a copy, whatever their contiguity; the rest is converted."""

import tracemalloc

import numpy as np
import pytest

import lumicrop
from lumicrop._arrays import IMAGE_TYPES, NUMBER_TYPES, REAL_TYPES, readable

SUPPORTED = ["u1", "u2", "i2", "u4", "i4", "f4", "f8"]


def crops_of(dtype, n=40, size=7, seed=3):
    return np.random.default_rng(seed).integers(1, 120, (n, size, size)).astype(dtype)


def layouts(crops):
    """The same crops, laid out in other ways."""
    n, height, width = crops.shape
    wide = np.zeros((2 * n, height + 3, 2 * width + 1), crops.dtype)
    wide[::2, 1 : height + 1, 1 : 2 * width + 1 : 2] = crops
    records = np.zeros((n, height, width), [("before", crops.dtype), ("value", crops.dtype)])
    records["value"] = crops
    read_only = crops.copy()
    read_only.flags.writeable = False
    return {
        "contiguous": crops,
        "reversed": np.ascontiguousarray(crops[::-1, ::-1, ::-1])[::-1, ::-1, ::-1],
        "transposed": np.ascontiguousarray(crops.transpose(2, 0, 1)).transpose(1, 2, 0),
        "fortran": np.asfortranarray(crops),
        "sliced": wide[::2, 1 : height + 1, 1 : 2 * width + 1 : 2],
        "field of records": records["value"],
        "read-only": read_only,
    }


@pytest.mark.parametrize("layout", layouts(crops_of("f4")))
@pytest.mark.parametrize("dtype", SUPPORTED)
def test_any_layout_of_images_gives_the_same_bits_without_a_copy(dtype, layout):
    crops = crops_of(dtype)
    laid_out = layouts(crops)[layout]
    assert np.array_equal(laid_out, crops)
    assert readable(laid_out, "images", IMAGE_TYPES, 3) is laid_out
    due = lumicrop.integrate(lumicrop.Channel(crops.copy(), method="sum", gain=1, qe=1))
    result = lumicrop.integrate(lumicrop.Channel(laid_out, method="sum", gain=1, qe=1))
    np.testing.assert_array_equal(result.photons, due.photons)
    np.testing.assert_array_equal(result.background, due.background)
    assert np.isfinite(due.photons).all() and len(set(due.photons)) > 10


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_columns_of_any_stride_give_the_same_bits_without_a_copy(dtype):
    n, rng = 50, np.random.default_rng(5)
    crops = rng.poisson(100, (n, 9, 9)).astype("u2")
    names = ("x_fit", "y_fit", "os_fit", "sigma_fit")
    table = np.stack(
        [rng.uniform(300, 500, n), rng.uniform(300, 500, n), rng.uniform(50, 100, n), rng.uniform(90, 160, n)], axis=1
    ).astype(dtype)
    channel = lumicrop.Channel(crops, pixel_nm=100, gain=0.5, qe=0.9)
    X0 = np.broadcast_to(np.int16(0), n)
    due = lumicrop.integrate(channel, X0=X0.copy(), Y0=X0.copy(), **{name: table[:, i].copy() for i, name in enumerate(names)})
    records = np.zeros(n, [(name, dtype) for name in names])
    for i, name in enumerate(names):
        records[name] = table[:, i]
    reverse = np.ascontiguousarray(table[::-1])
    for columns in ([table[:, i] for i in range(4)], [records[name] for name in names], [reverse[::-1, i] for i in range(4)]):
        assert all(readable(column, "column", REAL_TYPES, 1) is column for column in columns)
        result = lumicrop.integrate(channel, X0=X0, Y0=X0[::-1], **dict(zip(names, columns)))
        np.testing.assert_array_equal(result.photons, due.photons)
    assert np.isfinite(due.photons).all()


def test_a_stack_far_larger_than_memory_is_read_by_zero_strides():
    """One crop a million times over, 1 GB of pixels if it were copied: nothing but the output is allocated."""
    crop = np.random.default_rng(7).normal(100, 10, (16, 16)).astype(np.float32)
    crops = np.broadcast_to(crop, (1_000_000, 16, 16))
    one = lumicrop.integrate(lumicrop.Channel(crop[None], method="sum", gain=1, qe=1)).photons[0]
    tracemalloc.start()
    try:
        result = lumicrop.integrate(lumicrop.Channel(crops, method="sum", gain=1, qe=1), outputs="photons", dtype=np.float32)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (result.photons == np.float32(one)).all()
    assert peak < result.photons.nbytes + 200_000


def unaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)
    moved = raw[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    assert not moved.flags.aligned
    return moved


@pytest.mark.parametrize(
    "convert",
    [
        lambda crops: crops.astype("f2"),
        lambda crops: crops.astype("i8"),
        lambda crops: crops.astype("u8"),
        lambda crops: crops.astype("i1"),
        lambda crops: crops.astype(">f4"),
        lambda crops: crops.astype(">u2"),
        lambda crops: crops.astype(object),
        lambda crops: crops.astype(np.longdouble),
        lambda crops: crops.tolist(),
        lambda crops: unaligned(crops.astype("f8")),
        lambda crops: list(crops),
    ],
    ids=[
        "float16",
        "int64",
        "uint64",
        "int8",
        "big-endian float",
        "big-endian uint16",
        "objects",
        "long double",
        "nested lists",
        "unaligned",
        "list of arrays",
    ],
)
def test_other_images_are_converted_without_loss(convert):
    crops = crops_of("f4")
    due = lumicrop.integrate(lumicrop.Channel(crops, method="sum", gain=2, qe=0.5))
    result = lumicrop.integrate(lumicrop.Channel(convert(crops), method="sum", gain=2, qe=0.5))
    np.testing.assert_array_equal(result.photons, due.photons)  # small whole numbers: exact in every type
    np.testing.assert_array_equal(result.background, due.background)


def test_booleans_are_zeros_and_ones():
    crops = crops_of("u1") > 60
    due = lumicrop.integrate(lumicrop.Channel(crops.astype("u1"), method="sum", gain=1, qe=1))
    np.testing.assert_array_equal(lumicrop.integrate(lumicrop.Channel(crops, method="sum", gain=1, qe=1)).photons, due.photons)


def test_columns_of_other_types_are_converted():
    n = 20
    crops = np.random.default_rng(8).poisson(100, (n, 9, 9)).astype("f4")
    channel = lumicrop.Channel(crops, pixel_nm=100, gain=1, qe=1, psf_sigma_nm=120)
    columns = {
        "X0": np.arange(n) % 3,
        "Y0": np.zeros(n, int),
        "x_fit": 400 + 100 * (np.arange(n) % 3),
        "y_fit": np.full(n, 400),
        "os_fit": np.full(n, 98),
    }
    due = lumicrop.integrate(channel, **{name: values.astype(float) for name, values in columns.items()})
    for convert in (
        lambda v: v,
        lambda v: v.tolist(),
        lambda v: tuple(v),
        lambda v: v.astype("f2"),
        lambda v: v.astype(">f8"),
        lambda v: v.astype(object),
        lambda v: unaligned(v.astype("f8")),
        lambda v: v.astype("u2"),
    ):
        result = lumicrop.integrate(channel, ch=convert(np.ones(n, int)), **{name: convert(v) for name, v in columns.items()})
        np.testing.assert_array_equal(result.photons, due.photons)


@pytest.mark.parametrize("label", list(NUMBER_TYPES) + [np.dtype(bool)])
def test_labels_of_any_type_that_holds_whole_numbers(label):
    crops = crops_of("f4", n=5)
    channel = lumicrop.Channel(crops, method="sum", gain=1, qe=1)
    due = lumicrop.integrate(channel)
    np.testing.assert_array_equal(lumicrop.integrate(channel, ch=np.ones(5, label)).photons, due.photons)


@pytest.mark.parametrize(
    "images, message",
    [
        (np.ones((3, 3)), r"channel 1: images: 3 dimensions expected, found shape \(3, 3\)"),
        (np.ones((2, 3, 3), complex), "channel 1: images: numbers expected, found complex128"),
        ([[["a"]]], "channel 1: images: numbers expected, found <U1"),
        ([[[1, 2], [3]]], "channel 1: images: numbers in 3 dimensions expected"),
        (None, "channel 1: images: "),
    ],
)
def test_images_that_are_no_numbers_are_refused(images, message):
    with pytest.raises(lumicrop.InvalidArgument, match=message):
        lumicrop.integrate(lumicrop.Channel(images, method="sum", gain=1, qe=1))


@pytest.mark.parametrize(
    "ch, message",
    [
        ([1, 1.5, 1], "ch: entry 1 is 1.5, a whole number expected"),
        ([1, np.nan, 1], "ch: entry 1 is nan, a whole number expected"),
        ([1, np.inf, 1], "ch: entry 1 is inf, a whole number expected"),
        ([[1, 1, 1]], r"ch: 1 dimension expected, found shape \(1, 3\)"),
        (["a", "b", "c"], "ch: numbers expected"),
    ],
)
def test_labels_that_are_no_whole_numbers_are_refused(ch, message):
    with pytest.raises(lumicrop.InvalidArgument, match=message):
        lumicrop.integrate(lumicrop.Channel(np.ones((3, 3, 3)), method="sum", gain=1, qe=1), ch=ch)
