"""What owners of device memory say about their arrays is understood, and what cannot be used is refused by name.

Nothing here needs a device: memory of the host is claimed to be a device's, and nobody looks into it.
"""

import ctypes
import gc

import numpy as np
import pytest

import lumicrop
from device_array import ByDLPack, ByInterface
from lumicrop._device_arrays import LEGACY_STREAM, device_array, lives_on_device
from test_native_arrays import SUPPORTED, crops_of, layouts


class OldDLPack(ByDLPack):
    """From before DLPack 1.0."""

    versioned = False


PROTOCOLS = [ByInterface, ByDLPack, OldDLPack]


def pretended(protocol, values, **how):
    return protocol(values, pretended=True, **how)


def written_on(stream, values=(1.0,)):
    array = pretended(ByInterface, values)
    array.written_on = stream
    return array


@pytest.mark.parametrize("layout", layouts(crops_of("f4")))
@pytest.mark.parametrize("dtype", SUPPORTED + ["i1", "u8", "i8"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_type_shape_strides_and_address_are_the_owner_s(protocol, dtype, layout):
    values = layouts(crops_of(dtype))[layout]
    owner = pretended(protocol, values)
    assert lives_on_device(owner)
    array = device_array(owner, "images", stream=0)
    assert (array.dtype, array.shape, array.strides) == (values.dtype, values.shape, values.strides)
    assert (array.address, len(array), array.ndim, array.nbytes) == (owner.address, 40, 3, values.nbytes)
    assert array.contiguous == values.flags.c_contiguous and array.writable


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_without_elements_are_arrays(protocol):
    array = device_array(pretended(protocol, np.empty((0, 7, 7), "u2")), "images", stream=0)
    assert array.shape == (0, 7, 7) and array.dtype == "u2" and len(array) == array.nbytes == 0


def test_strides_that_are_not_told_are_those_of_contiguous_arrays():
    array = device_array(pretended(ByInterface, np.zeros((4, 3, 2))), "images", stream=0)
    assert array.strides == (48, 16, 8) and array.contiguous


@pytest.mark.parametrize("protocol, told", [(ByInterface, True), (ByDLPack, True), (OldDLPack, False)])
def test_read_only_arrays_are_known_as_such_where_the_protocol_tells(protocol, told):
    assert device_array(pretended(protocol, [1.0], read_only=True), "x", stream=0).writable != told


@pytest.mark.parametrize("values", [np.ones(3), np.float64(1), [1, 2], 1.0, None, "text"])
def test_nothing_else_lives_on_a_device(values):
    assert not lives_on_device(values)


# ---------------------------------------------------------------------------------------------------- lending, streams


@pytest.mark.parametrize("protocol", [ByDLPack, OldDLPack])
def test_a_tensor_is_given_back_once_and_not_before_its_time(protocol):
    owner = pretended(protocol, [1.0, 2.0])
    array = device_array(owner, "x", stream=0)
    assert (owner.exports, owner.deleted) == (1, 0)
    del array
    gc.collect()
    assert (owner.exports, owner.deleted) == (1, 1)


@pytest.mark.parametrize("stream", [0, 1, 2, 0x7F0012345678])
def test_the_owner_is_told_on_which_stream_its_array_will_be_used(stream):
    owner = pretended(ByDLPack, [1.0])
    device_array(owner, "x", stream)
    assert owner.asked_on == [stream or LEGACY_STREAM]


def test_one_who_speaks_both_protocols_is_asked_by_the_one_that_orders_streams():
    class Both(ByDLPack, ByInterface):
        written_on = None

    owner = pretended(Both, [1.0])
    assert device_array(owner, "x", stream=64).address == owner.address and owner.asked_on == [64]


@pytest.mark.parametrize("told, used", [(None, 0), (None, 64), (1, 0), (1, 1), (2, 2), (64, 64)])
def test_an_array_written_on_the_stream_that_reads_it_is_taken(told, used):
    assert len(device_array(written_on(told), "x_fit", used)) == 1


@pytest.mark.parametrize("told, used", [(1, 64), (64, 0), (2, 0), (64, 128), (0, 0)])
def test_an_array_written_on_another_stream_is_refused_with_the_way_out(told, used):
    message = (
        rf"x_fit is written on stream {told:#x}, the context computes on stream {used or 1:#x}.*Context\(stream={told:#x}\)"
    )
    with pytest.raises(lumicrop.InvalidArgument, match=message):
        device_array(written_on(told), "x_fit", used)


# ------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "change, message",
    [
        ({"major": 2}, "DLPack 2 is newer"),
        ({"__dlpack__": lambda *_, **__: 7}, "returned 7, a DLPack capsule"),
        ({"code": 5}, "code 5, 64 bits"),
        ({"lanes": 4}, "4 lanes"),
    ],
)
def test_tensors_in_forms_that_are_not_known_are_refused_and_given_back(monkeypatch, change, message):
    import device_array as module

    owner, new = pretended(ByDLPack, [1.0]), module._new_capsule
    for name, value in change.items():
        if name in ("code", "lanes"):

            def spoiled(address, *arguments, name=name, value=value):
                setattr(module._ManagedVersioned.from_address(address).tensor, name, value)
                return new(address, *arguments)

            monkeypatch.setattr(module, "_new_capsule", spoiled)
        else:
            monkeypatch.setattr(type(owner), name, value)
    with pytest.raises(lumicrop.InvalidArgument, match=f"y_fit: this array in device memory cannot be had: .*{message}"):
        device_array(owner, "y_fit", stream=0)
    gc.collect()
    assert owner.deleted == owner.exports


def test_a_capsule_is_used_once():
    owner = pretended(ByDLPack, [1.0])
    capsule = owner.__dlpack__(stream=1, max_version=(1, 0))
    owner.__dlpack__ = lambda **_: capsule
    array = device_array(owner, "x", stream=0)
    with pytest.raises(lumicrop.InvalidArgument, match="a DLPack capsule that nobody has used expected"):
        device_array(owner, "x", stream=0)
    del array
    gc.collect()
    assert owner.deleted == 1


@pytest.mark.parametrize(
    "error", [BufferError("it requires grad"), RuntimeError("it requires grad"), ValueError("it requires grad")]
)
def test_what_the_owner_says_against_it_is_passed_on(error):
    owner = pretended(ByDLPack, [1.0])

    def refuse(**_):
        raise error

    owner.__dlpack__ = refuse
    with pytest.raises(lumicrop.InvalidArgument, match="os_fit: this array in device memory cannot be had: it requires grad"):
        device_array(owner, "os_fit", stream=0)


@pytest.mark.parametrize("change, message", [({"mask": 1}, "it has a mask"), ({"typestr": "?!"}, ""), ({"data": None}, "")])
def test_interfaces_that_are_not_understood_are_refused(change, message):
    class Other:
        __cuda_array_interface__ = pretended(ByInterface, [1.0]).__cuda_array_interface__ | change

    with pytest.raises(lumicrop.InvalidArgument, match=f"x: this array in device memory cannot be had: {message}"):
        device_array(Other(), "x", stream=0)


# ------------------------------------------------------------------------------------------------- in the calls, on the CPU

N = 4
CROPS = np.ones((N, 5, 5), np.float32)
COLUMNS = {"X0": np.zeros(N), "Y0": np.zeros(N), "x_fit": np.full(N, 2.0), "y_fit": np.full(N, 2.0), "os_fit": np.zeros(N)}
CHANNEL = {"images": CROPS, "pixel_nm": 1, "gain": 1, "qe": 1, "psf_sigma_nm": 1}


def count(channel=(), **arguments):
    with lumicrop.Context("cpu") as context:
        return lumicrop.integrate(
            lumicrop.Channel(**{**CHANNEL, **dict(channel)}), **{**COLUMNS, **arguments}, context=context
        )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_cpu_refuses_device_memory_by_name_and_lets_go_of_it(protocol):
    owners = []

    def lent(values):
        owners.append(pretended(protocol, values))
        return owners[-1]

    for arguments, name in (
        ({"channel": {"images": lent(CROPS)}}, "channel 1: images"),
        ({"x_fit": lent(COLUMNS["x_fit"])}, "x_fit"),
        ({"ch": lent(np.ones(N, "i4"))}, "ch"),
        ({"out": {"photons": lent(np.zeros(N))}}, "photons"),
    ):
        with pytest.raises(lumicrop.Unsupported, match=f"{name} lies in device memory, which the CPU backend cannot reach"):
            count(**arguments)
    gc.collect()
    assert protocol is ByInterface or [owner.deleted for owner in owners] == [1] * 4


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"channel": {"images": np.ones((N, 5, 5), "i8")}},
            "channel 1: images: int64 in device memory is not converted, uint8, .* or float64",
        ),
        ({"channel": {"images": np.ones((5, 5), "f4")}}, r"channel 1: images: 3 dimensions expected, found shape \(5, 5\)"),
        ({"x_fit": np.ones(N, int)}, "x_fit: int64 in device memory is not converted, float32 or float64 expected"),
        ({"x_fit": np.ones((N, 1))}, r"x_fit: 1 dimension expected, found shape \(4, 1\)"),
        ({"ch": np.ones(N)}, "ch: float64 in device memory is not converted, uint8, "),
        (
            {"X0": np.ones(N), "channel": {"images": CROPS, "padding": "geometry"}},
            "X0: float64 in device memory is not converted",
        ),
        (
            {"out": {"photons": np.ones(N, "i4")}},
            r"out\['photons'\]: int32 in device memory is not converted, float32 or float64 expected",
        ),
        ({"out": {"flags": np.ones(N, "i4")}}, r"out\['flags'\]: int32 in device memory is not converted, uint32 expected"),
    ],
)
def test_what_lies_in_device_memory_is_not_converted(arguments, message):
    def lent(value):
        if isinstance(value, dict):
            return {name: lent(entry) for name, entry in value.items()}
        return pretended(ByDLPack, value) if isinstance(value, np.ndarray) and value is not CROPS else value

    with pytest.raises(lumicrop.InvalidArgument, match=message):
        count(**lent(arguments))


@pytest.mark.parametrize("protocol", [ByInterface, ByDLPack])
def test_columns_to_fill_must_be_writable(protocol):
    with pytest.raises(lumicrop.InvalidArgument, match=r"out\['background'\] is read-only"):
        count(out={"background": pretended(protocol, np.zeros(N), read_only=True)})


def test_an_array_written_on_another_stream_is_refused_by_the_call_too():
    with pytest.raises(lumicrop.InvalidArgument, match=r"y_fit is written on stream 0x40.*Context\(stream=0x40\)"):
        count(y_fit=written_on(64, COLUMNS["y_fit"]))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_splines_and_the_drop_in_take_arrays_of_the_host(protocol):
    with pytest.raises(lumicrop.InvalidArgument, match="tx lies in device memory, an array in the host's memory expected"):
        lumicrop.Spline(pretended(protocol, np.arange(9.0)), np.arange(9.0), np.arange(9.0), np.ones((5, 5, 5)))
    with pytest.raises(ValueError, match="channel 1: crops lies in device memory, an array in the host's memory expected"):
        lumicrop.integrate_crop([pretended(protocol, CROPS)], channels_weighted_integrations=False)


def test_the_address_is_that_of_the_first_element():
    """Read back through the pointer: what pretends to be a device's is the host's."""
    values = np.arange(12.0)[::-3]
    array = device_array(pretended(ByDLPack, values), "x", stream=0)
    assert (ctypes.c_double * 1).from_address(array.address)[0] == 0 and array.strides == (-24,)
