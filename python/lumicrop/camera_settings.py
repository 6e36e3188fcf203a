"""The camera of a run: gain, EM gain, offset, read noise, saturation and maps, and who says so.

A gain stands before multiplication wherever an EM gain is used: photons are ``(counts - offset) * gain / em_gain /
qe``. Metadata state the gain behind the EM register, divided already, and so does a caller who gives a gain and no EM
gain; where the run needs to know the EM gain, such a gain is multiplied by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._channel import MAPS
from .frame_maps import FrameMap, read_map
from .input_error import InputError
from .movies import Movie
from .request import Request
from .setting import UNUSED, Setting, checked, finite, first_said, option_of, positive
from .sources import Statement

#: The map that takes the place of a number.
INSTEAD = {"offset": "offset_map", "gain": "gain_map", "read_noise": "read_variance_map"}
#: The settings of the camera, by name.
CAMERA = (
    "gain", "em_gain", "offset", "read_noise", "qe", "saturation", "offset_map", "gain_map", "read_variance_map",
    "bad_pixels",
)  # fmt: skip


def camera_settings(
    request: Request, movie: Movie, stated: list[Statement], *, noise_matters: bool
) -> dict[str, Setting]:
    """Decide everything about the camera but its quantum efficiency.

    Parameters
    ----------
    request : Request
        What the caller says.
    movie : Movie
        What maps have to fit.
    stated : list of Statement
        What the files say.
    noise_matters : bool
        The run uses EM gain and read noise for more than the scale of photons: who says nothing is told what was
        assumed.

    Returns
    -------
    dict of str to Setting
        ``gain``, ``em_gain``, ``offset``, ``read_noise``, ``saturation``, and the names of `MAPS`.

    Raises
    ------
    InputError
        A value is impossible, a map does not fit, two say the same, or sources disagree.
    """
    for number, name in INSTEAD.items():
        if getattr(request, number) is not None and getattr(request, name) is not None:
            raise InputError(
                f"{option_of(number)} and {option_of(name)} are both given: the map takes the number's place"
            )
    maps = {name: _map(request, name, movie) for name in MAPS}
    gain, em_gain = _gains(request, stated, noise_matters, has_map=maps["gain_map"] is not UNUSED)
    return {
        "gain": gain,
        "em_gain": em_gain,
        "offset": UNUSED if maps["offset_map"] is not UNUSED else _offset(request, stated),
        "read_noise": UNUSED if maps["read_variance_map"] is not UNUSED else _read_noise(request, noise_matters),
        "saturation": UNUSED if request.saturation is None else positive("saturation", _said(request, "saturation")),
        **maps,
    }


def channel_camera(settings: Any) -> dict[str, Any]:
    """The camera of some settings as arguments of `lumicrop.Channel`, without a background of each frame."""
    numbers = {"gain": "gain", "camera_offset": "offset", "qe": "qe", "em_gain": "em_gain", "read_noise": "read_noise",
               "saturation": "saturation"}  # fmt: skip
    channel = {name: getattr(settings, said).value for name, said in numbers.items()}
    maps: Mapping[str, FrameMap | None] = {name: getattr(settings, name).value for name in MAPS}
    channel |= {name: given.values for name, given in maps.items() if given is not None}
    return {name: value for name, value in channel.items() if value is not None}


def _said(request: Request, name: str) -> Setting:
    return Setting(getattr(request, name), request.source_of(name))


def _map(request: Request, name: str, movie: Movie) -> Setting:
    given = getattr(request, name)
    return UNUSED if given is None else Setting(read_map(name, given, movie), request.source_of(name))


def _offset(request: Request, stated: list[Statement]) -> Setting:
    return finite("offset", first_said(request, "offset", stated, Setting(0.0, "nobody says", True)))


def _read_noise(request: Request, noise_matters: bool) -> Setting:
    if request.read_noise is not None:
        return checked(
            "read_noise", _said(request, "read_noise"), lambda value: value >= 0, "a finite number of 0 or more"
        )
    return Setting(0.0, "nobody says", True) if noise_matters else UNUSED


def _gains(request: Request, stated: list[Statement], noise_matters: bool, has_map: bool) -> tuple[Setting, Setting]:
    """Gain and EM gain."""
    gain = UNUSED
    if not has_map:
        gain = positive(
            "gain", first_said(request, "gain", stated, Setting(1.0, "nobody says: photons are counts", True))
        )
    if request.em_gain is not None:
        em_gain = checked(
            "em_gain", _said(request, "em_gain"), lambda value: value >= 1, "a finite number of at least 1"
        )
        if gain is UNUSED or request.gain is not None or gain.assumed:
            return gain, em_gain
        divided_by = [each.value for each in stated if each.quantity == "em_gain"]
        return _before_multiplication(gain, max(divided_by, default=1.0)), em_gain
    if noise_matters or has_map:
        em_gain = first_said(request, "em_gain", stated, Setting(1.0, "nobody says", True))
        if not em_gain.assumed:
            return gain if gain is UNUSED else _before_multiplication(gain, em_gain.value), em_gain
        return gain, em_gain
    return gain, UNUSED


def _before_multiplication(gain: Setting, em_gain: float) -> Setting:
    """A gain that was divided by an EM gain, without that."""
    if em_gain == 1:
        return gain
    value = float(f"{gain.value * em_gain:.14g}")  # 12 / 300 * 300 is to be 12
    return Setting(value, f"{gain.source}, times the EM gain", gain.assumed)
