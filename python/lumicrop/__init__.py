"""lumicrop: the photons of single molecules, from camera crops or from the movie itself.

`integrate` is the native call with every output; `integrate_crop` is a drop-in for the function of that name in smlmlp.
`integrate_movie` takes a movie and a table of detections, files or arrays, and returns a data frame; `open_movie` and
`read_table` are its two halves.
"""

from typing import TYPE_CHECKING

from ._abi import (BadIndex, Cancelled, CudaFailure, DriverTooOld, Error, Flag, InvalidArgument, NoDevice, NoKernelImage,
                   OutOfMemory, Unsupported, library_version)
from ._channel import Channel, Spline
from ._context import BackendInfo, Context, ContextInfo, backends
from ._dropin import integrate_crop
from ._native import Result, integrate, workspace_bytes

if TYPE_CHECKING:
    from .camera import check_camera
    from .dataframes import CameraWarning, PlacementWarning, integrate_movie
    from .input_error import InputError
    from .movies import open_movie
    from .tables import read_table

__version__ = library_version()  # the package opens no library of another version

__all__ = ["BackendInfo", "BadIndex", "CameraWarning", "Cancelled", "Channel", "Context", "ContextInfo", "CudaFailure",
           "DriverTooOld", "Error", "Flag", "InputError", "InvalidArgument", "NoDevice", "NoKernelImage", "OutOfMemory",
           "PlacementWarning", "Result", "Spline", "Unsupported", "__version__", "backends", "check_camera", "integrate",
           "integrate_crop", "integrate_movie", "library_version", "open_movie", "read_table", "workspace_bytes"]

# What needs pandas, h5py and tifffile is loaded when it is first asked for: they take a second.
_LATER = {"CameraWarning": "dataframes", "InputError": "input_error", "PlacementWarning": "dataframes",
          "check_camera": "camera", "integrate_movie": "dataframes", "open_movie": "movies", "read_table": "tables"}


def __getattr__(name: str):
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f".{_LATER[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
