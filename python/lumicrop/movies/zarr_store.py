"""Movies that are an array of a zarr store, OME-Zarr among them."""

from __future__ import annotations

import logging
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import zarr

from ..input_error import InputError
from ..sources import Statement
from .foreign_errors import explained
from .frame_axes import could_be_movie
from .named_arrays import the_movie
from .pixel_sizes import NM_PER_OME_UNIT, pixel_statements
from .sliced import SlicedMovie

_DESCRIPTIONS = (".zarray", ".zgroup", "zarr.json")


class Zarr(SlicedMovie):
    """An array ``(frames, rows, columns)`` of a folder or a zip file of zarr's format 2 or 3.

    ``movie.zarr::group/array`` names one. Without a name it is the full resolution of an OME-Zarr image, or the only
    array that may be a movie.
    """

    suffixes = (".zarr", ".zip")
    format = "zarr"

    def __init__(self, path: Path, name: str | None = None) -> None:
        logging.getLogger("zarr").setLevel(logging.CRITICAL)  # what matters is said here, in one sentence
        self._store: Any = None
        if path.is_dir():
            if not _described(path):
                raise InputError(
                    f"{path}: the folder has neither .zarray nor .zgroup nor zarr.json: it is no zarr store"
                )
        else:
            open(path, "rb").close()  # what the system says about a file is said by it
            if not zipfile.is_zipfile(path):
                raise InputError(f"{path}: this is neither a folder nor a zip file of a zarr store")
        try:
            with explained(path, "this is not a zarr store that can be read"), _quiet():
                if path.is_file():
                    self._store = zarr.storage.ZipStore(str(path), mode="r")
                root = zarr.open(self._store if self._store is not None else str(path), mode="r")
                chosen, image = _chosen(root, name.strip("/") if name is not None else None, path)
                array = root[chosen] if chosen else root
                axes, statements = _described_axes(image, chosen, f"{path.name}: OME-Zarr's scale")
                super().__init__(path, array, statements, axes if len(axes) == len(array.shape) else ())
                self.block_frames = max(1, self._along_time(array.chunks) or 1)
        except BaseException:
            self.close()
            raise
        version = getattr(getattr(array, "metadata", None), "zarr_format", 2)  # the package's version 2 knows no other
        kind = "OME-Zarr" if image else f"zarr {version}"
        self.details = f"{kind}{', array ' + chosen if chosen else ''}, chunks of {self.block_frames} frames"

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return super().recognises(path) or (path.is_dir() and _described(path))

    def close(self) -> None:
        if self._store is not None:
            with suppress(AttributeError):  # zarr's own, where the zip file could not be opened
                self._store.close()


def _described(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _DESCRIPTIONS)


@contextmanager
def _quiet() -> Iterator[None]:
    """zarr warns of files beside its own, and of what its next version will do; neither is the caller's matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _chosen(root: Any, name: str | None, path: Path) -> tuple[str, dict[str, Any]]:
    """The array's name, and what OME-Zarr says of the image that it belongs to."""
    if not hasattr(root, "group_keys"):  # an array
        if name:
            raise InputError(f"{path}: the store is one array, without a {name} inside")
        return "", {}
    group_name, image = "", _image(root)
    if name is None:
        if not image:
            images = {key: True for key in sorted(root.group_keys()) if _image(root[key])}
            if images:
                group_name = the_movie(path, None, images)
                image = _image(root[group_name])
        if not image:
            return the_movie(path, None, dict(_arrays(root, ""))), {}
        return _joined(group_name, image["datasets"][0]["path"]), image
    if name in root and hasattr(root[name], "group_keys"):
        image = _image(root[name])
        if not image:
            inside = {_joined(name, key): fits for key, fits in _arrays(root[name], "")}
            return the_movie(path, None, inside), {}
        return _joined(name, image["datasets"][0]["path"]), image
    if name not in root:
        the_movie(path, name, dict(_arrays(root, "")))  # says which there are
    parent = name.rpartition("/")[0]
    return name, (_image(root[parent]) if parent else image)


def _joined(group: str, name: str) -> str:
    return f"{group}/{name}".strip("/")


def _arrays(group: Any, prefix: str) -> Iterator[tuple[str, bool]]:
    """Names of all arrays of a group and of those inside it, and whether each may be a movie."""
    for key in sorted(group.array_keys()):
        yield _joined(prefix, key), could_be_movie(group[key].shape, group[key].dtype)
    for key in sorted(group.group_keys()):
        yield from _arrays(group[key], _joined(prefix, key))


def _image(group: Any) -> dict[str, Any]:
    """OME-Zarr's description of the image that a group holds; empty where it holds none."""
    attributes = dict(group.attrs)
    described = attributes.get("ome", attributes)  # format 0.5 put everything one level deeper
    images = described.get("multiscales") if isinstance(described, dict) else None
    return images[0] if images and isinstance(images[0]["datasets"][0]["path"], str) else {}


def _described_axes(image: dict[str, Any], chosen: str, source: str) -> tuple[list[str], list[Statement]]:
    """Names of the axes of an image's array, in capitals, and its pixel size where it has a unit."""
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image.get("axes", [])]
    names = [str(axis.get("name", "")).upper() for axis in axes]
    dataset = next((entry for entry in image.get("datasets", []) if f"/{chosen}".endswith(f"/{entry.get('path')}")), {})
    scale = [1.0] * len(axes)
    for transformation in (*dataset.get("coordinateTransformations", []), *image.get("coordinateTransformations", [])):
        factors = transformation.get("scale")
        if transformation.get("type") == "scale" and isinstance(factors, list) and len(factors) == len(axes):
            scale = [length * float(factor) for length, factor in zip(scale, factors)]
    nm = {
        name: length * NM_PER_OME_UNIT[str(axis.get("unit")).lower()]
        for name, axis, length in zip(names, axes, scale)
        if str(axis.get("unit")).lower() in NM_PER_OME_UNIT
    }
    return names, pixel_statements(nm.get("Y"), nm.get("X"), source)
