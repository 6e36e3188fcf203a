"""Radii around each position: of an aperture, and of a background's annulus."""

from __future__ import annotations

from typing import Any

from .background_settings import background_kind
from .input_error import InputError
from .methods import ANNULI, METHODS
from .request import Request
from .setting import UNUSED, Setting, finite, option_of, positive

#: Names of settings, which are those of `lumicrop.Channel`.
APERTURE = ("aperture_px", "aperture_y_px", "aperture_theta_deg")
ANNULUS = ("annulus_inner_px", "annulus_outer_px", "neighbour_radius_px")


def aperture_settings(request: Request, method: str) -> dict[str, Setting]:
    """Semi-axes and angle, where the method has them."""
    said = _said(request, APERTURE)
    if not METHODS[method].has_aperture:
        if said:
            raise InputError(f"{option_of(next(iter(said)))} is for --method aperture, not {method}")
        return dict.fromkeys(APERTURE, UNUSED)
    if "aperture_px" not in said:
        raise InputError("nobody states the aperture's radius: give --aperture-px")
    for name in ("aperture_px", "aperture_y_px"):
        if name in said:
            positive(name, said[name])
    return dict.fromkeys(APERTURE, UNUSED) | said


def annulus_settings(request: Request, background: Any) -> dict[str, Setting]:
    """The ring's radii, where the background is measured on one."""
    said, kind = _said(request, ANNULUS), background_kind(background)
    if kind not in ANNULI:
        if said:
            expected = ", ".join(name.replace("_", "-") for name in ANNULI)
            raise InputError(f"{option_of(next(iter(said)))} is for a --background of {expected}, not {kind}")
        return dict.fromkeys(ANNULUS, UNUSED)
    for name in ANNULUS[:2]:
        if name not in said:
            raise InputError(f"nobody states the annulus: give {option_of(name)}")
    for name, setting in said.items():
        finite(name, setting)
    inner, outer = (said[name].value for name in ANNULUS[:2])
    if not 0 <= inner < outer:
        raise InputError(
            f"--annulus-inner-px is {inner:g} and --annulus-outer-px {outer:g}: expected 0 <= inner < outer"
        )
    if "neighbour_radius_px" in said and said["neighbour_radius_px"].value < 0:
        raise InputError(
            f"--neighbour-radius-px is {said['neighbour_radius_px'].value:g}, expected 0 (no neighbours) or more"
        )
    return dict.fromkeys(ANNULUS, UNUSED) | said


def _said(request: Request, names: tuple[str, ...]) -> dict[str, Setting]:
    """Those of some values that somebody says."""
    return {
        name: Setting(getattr(request, name), request.source_of(name))
        for name in names
        if getattr(request, name) is not None
    }
