"""Movies that are a dataset of an HDF5 file."""

from __future__ import annotations

from pathlib import Path

import h5py

from .foreign_errors import explained
from .frame_axes import could_be_movie
from .named_arrays import the_movie
from .sliced import SlicedMovie


class Hdf5(SlicedMovie):
    """A dataset ``(frames, rows, columns)``: ``movie.h5::/entry/data``, or the only one that may be a movie."""

    suffixes = (".h5", ".hdf5", ".hdf", ".he5", ".nxs")
    format = "HDF5"

    def __init__(self, path: Path, name: str | None = None) -> None:
        open(path, "rb").close()  # HDF5's own words about a missing file leave out its name
        what = "this is not an HDF5 file that can be read"
        with explained(path, what):
            self._file = h5py.File(path, "r")
        try:
            with explained(path, what):
                found: dict[str, bool] = {}
                self._file.visititems(lambda key, item: _note(found, key, item))
                wanted = "/" + name.strip("/") if name is not None else None
                if wanted is not None and wanted not in found and isinstance(self._file.get(wanted), h5py.Dataset):
                    found[wanted] = True  # behind a link, which visiting does not follow
                chosen = the_movie(path, wanted, found)
                dataset = self._file[chosen]
            with explained(path, f"dataset {chosen} cannot be read"):
                super().__init__(path, dataset, [])
            self.block_frames = self._along_time(dataset.chunks) or 1
            chunks = f", chunks of {self.block_frames} frames" if dataset.chunks else ""
            self.details = f"dataset {chosen}{', ' + dataset.compression if dataset.compression else ''}{chunks}"
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        self._file.close()


def _note(found: dict[str, bool], key: str, item: object) -> None:
    if isinstance(item, h5py.Dataset):
        found["/" + key] = item.shape is not None and could_be_movie(item.shape, item.dtype)
