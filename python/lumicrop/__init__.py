"""lumicrop: the photons of single molecules, from camera crops or from the movie itself.

`integrate` is the native call with every output; `integrate_crop` is a drop-in for the function of that name in smlmlp.
"""

from ._abi import (BadIndex, Cancelled, CudaFailure, DriverTooOld, Error, Flag, InvalidArgument, NoDevice, NoKernelImage,
                   OutOfMemory, Unsupported, library_version)
from ._channel import Channel, Spline
from ._context import BackendInfo, Context, ContextInfo, backends
from ._dropin import integrate_crop
from ._native import Result, integrate, workspace_bytes

__version__ = library_version()  # the package opens no library of another version

__all__ = ["BackendInfo", "BadIndex", "Cancelled", "Channel", "Context", "ContextInfo", "CudaFailure", "DriverTooOld", "Error",
           "Flag", "InvalidArgument", "NoDevice", "NoKernelImage", "OutOfMemory", "Result", "Spline", "Unsupported",
           "__version__", "backends", "integrate", "integrate_crop", "library_version", "workspace_bytes"]
