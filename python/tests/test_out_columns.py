"""Columns that the caller hands over to be filled, instead of new ones."""

import numpy as np
import pytest

import lumicrop
from test_native import OUTPUTS, job


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def context(request):
    with lumicrop.Context(request.param) as context:
        yield context


def columns_of(n, dtype=float):
    return {name: np.full(n, 7, np.uint32 if name == "flags" else dtype) for name in OUTPUTS}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_caller_s_columns_are_filled_and_come_back(context, dtype):
    channels, columns = job(60)
    due, out = lumicrop.integrate(channels, **columns, dtype=dtype, context=context), columns_of(60, dtype)
    result = lumicrop.integrate(channels, **columns, out=out, context=context)
    for name in OUTPUTS:
        assert getattr(result, name) is out[name]
        np.testing.assert_array_equal(out[name], getattr(due, name))


def test_columns_of_any_stride_are_filled_and_nothing_between(context):
    channels, columns = job(60)
    due = lumicrop.integrate(channels, **columns, context=context)
    table = np.full(60, -1, [("photons", "f8"), ("name", "S4"), ("background", "f4")])
    backwards = np.full(180, 7, np.uint32)
    out = {"background": table["background"], "flags": backwards[-2::-3]}
    table_before = table.copy()
    lumicrop.integrate(channels, **columns, out=out, context=context)
    np.testing.assert_array_equal(table["background"], due.background.astype("f4"))
    np.testing.assert_array_equal(backwards[1::3], due.flags[::-1])
    assert (backwards[0::3] == 7).all() and (backwards[2::3] == 7).all()
    np.testing.assert_array_equal(table[["photons", "name"]], table_before[["photons", "name"]])


def test_outputs_adds_new_columns_to_those_handed_over(context):
    channels, columns = job(30)
    out = {"photons": np.empty(30, "f4")}
    alone = lumicrop.integrate(channels, **columns, out=out, context=context)
    assert [name for name in OUTPUTS if getattr(alone, name) is not None] == ["photons"]
    more = lumicrop.integrate(channels, **columns, out=out, outputs=("flags", "photons"), dtype="f8", context=context)
    assert [name for name in OUTPUTS if getattr(more, name) is not None] == ["photons", "flags"]
    assert more.photons is out["photons"] and more.photons.dtype == "f4"
    assert lumicrop.integrate(channels, **columns, out={}, context=context).photons is None


def frozen(array):
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "out, message",
    [
        ({"photon": np.empty(6)}, "out: 'photon' found, one of 'photons'"),
        ({"photons": [0.0] * 6}, r"out\['photons'\]: a NumPy array or an array in device memory expected, found list"),
        ({"photons": np.empty(6, "i4")}, r"out\['photons'\]: float32 or float64 expected, found int32"),
        ({"photons": np.empty(6, ">f4")}, r"out\['photons'\]: float32 or float64 expected, found >f4"),
        ({"flags": np.empty(6, "i4")}, r"out\['flags'\]: uint32 expected, found int32"),
        ({"flags": np.empty((6, 1), "u4")}, r"out\['flags'\]: 1 dimension expected, found shape \(6, 1\)"),
        ({"psf_sum": frozen(np.empty(6))}, r"out\['psf_sum'\] is read-only, an array that may be written expected"),
        ({"psf_sum": np.empty(5)}, "psf_sum has 5 values, 6 "),
        ({"psf_sum": np.broadcast_to(np.float64(0), 6)}, "psf_sum"),
    ],
)
def test_columns_that_cannot_be_filled_are_refused(out, message):
    channels, columns = job(6)
    with pytest.raises(lumicrop.InvalidArgument, match=message):
        lumicrop.integrate(channels, **columns, out=out)
