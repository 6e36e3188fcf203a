"""What ImageJ and OME say about a TIFF file's images."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ..sources import Statement
from .pixel_sizes import NM_PER_OME_UNIT, NM_PER_UNIT, pixel_statements


def pixel_size(tiff: Any, path: Path) -> list[Statement]:
    """Pixel size that ImageJ or OME wrote; resolutions for printers (inch, cm) say nothing about a microscope."""
    try:
        if tiff.is_ome:
            return _ome_pixel_size(tiff.ome_metadata, path)
        if tiff.is_imagej:
            unit = str((tiff.imagej_metadata or {}).get("unit", "")).strip().lower()
            tags = tiff.pages.first.tags
            if unit in NM_PER_UNIT and "XResolution" in tags:
                x = _length(tags["XResolution"].value, unit)
                y = _length(tags["YResolution"].value, unit) if "YResolution" in tags else x
                return pixel_statements(y, x, f"{path.name}: ImageJ's scale")
    except (ElementTree.ParseError, ValueError, TypeError, ZeroDivisionError, OverflowError, AttributeError):
        pass  # a description that cannot be read says nothing
    return []


def _length(resolution: tuple[int, int], unit: str) -> float:
    pixels, units = resolution
    return NM_PER_UNIT[unit] * units / pixels


def _ome_pixel_size(description: str, path: Path) -> list[Statement]:
    for element in ElementTree.fromstring(description).iter():
        if _name(element) == "Pixels":
            lengths = {}
            for axis in "XY":
                size, unit = element.get(f"PhysicalSize{axis}"), element.get(f"PhysicalSize{axis}Unit", "µm").lower()
                if size is not None and unit in NM_PER_OME_UNIT:
                    lengths[axis] = NM_PER_OME_UNIT[unit] * float(size)
            said = " and ".join(f"PhysicalSize{axis}" for axis in lengths)
            return pixel_statements(lengths.get("Y"), lengths.get("X"), f"{path.name}: OME {said}")
    return []


def ome_file_names(tiff: Any) -> list[str]:
    """Names of the files that an OME description tells the images are in, in its order; none where it names none."""
    try:
        if not tiff.is_ome:
            return []
        named = [
            element.get("FileName")
            for element in ElementTree.fromstring(tiff.ome_metadata).iter()
            if _name(element) == "UUID"
        ]
    except (ElementTree.ParseError, TypeError, ValueError):
        return []
    return list(dict.fromkeys(Path(name).name for name in named if name and Path(name).name))


def promised_frames(tiff: Any) -> int:
    """How many frames ImageJ says there are: tifffile takes a stack that is not whole for its first page alone."""
    if not tiff.is_imagej:
        return 1
    described = tiff.imagej_metadata or {}
    try:
        return int(described.get("images", 1))
    except (TypeError, ValueError):
        return 1


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
