"""Is the camera right? Gain, offset and read noise from a movie's own noise, and maps from dark and flat frames."""

from .calibration_maps import CalibrationMaps, Stack, calibration_maps, stack_of
from .movie_sample import sample_runs
from .of_settings import check_camera_of
from .photon_transfer import PhotonTransfer, photon_transfer
from .pixel_noise import NoiseSums, noise_sums
from .quick_check import CameraCheck, check_camera, check_movie_camera, why_undecided

__all__ = [
    "CalibrationMaps",
    "CameraCheck",
    "NoiseSums",
    "PhotonTransfer",
    "Stack",
    "calibration_maps",
    "check_camera",
    "check_camera_of",
    "check_movie_camera",
    "noise_sums",
    "photon_transfer",
    "sample_runs",
    "stack_of",
    "why_undecided",
]
