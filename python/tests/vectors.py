"""The vectors that the seed computed: its arguments, its results, and what the formulas say of them."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

import oracle

COLUMNS = ("x_fit", "y_fit", "z_fit", "os_fit", "sigma_fit", "sigma_x_fit", "sigma_y_fit", "sigma_angle")
SPLINE = [f"channels_psf_3d_{part}" for part in ("xtangents", "ytangents", "ztangents", "spline_coeffs")]
NAMES = """sum_f32_11x11 sum_f32_8x13 sum_padded_11x11 sum_u16_9x9 sum_3x3 sum_f64_15x15 sum_odd_inputs_11x11
isogauss_f32_11x11 isogauss_defaults_7x7 isogauss_default_sigma isogauss_rect_10x13 isogauss_u16_13x13 isogauss_f64_7x7
isogauss_offcentre_11x11 isogauss_odd_columns gauss_f32_11x11 gauss_channel_angle gauss_fitted_angle
gauss_sigma_fit_fallback gauss_defaults spline_11x11 spline_no_z spline_rect_9x14 spline_domain_edges channels_mixed
channels_no_ch channels_one_empty""".split()


@dataclass(frozen=True)
class Vector:
    """One case: what was passed, what came back."""

    name: str
    arrays: dict

    @classmethod
    def load(cls, folder: Path, name: str):
        with np.load(folder / f"{name}.npz") as file:
            return cls(name, {key: file[key] for key in file.files})

    @cached_property
    def crops(self):
        return [self.arrays[f"crops_{k}"] for k in range(sum(key.startswith("crops_") for key in self.arrays))]

    @cached_property
    def keywords(self):
        return json.loads(str(self.arrays["keywords_json"]))

    @cached_property
    def columns(self):
        return {name: self.arrays[name] for name in ("ch", *COLUMNS) if name in self.arrays}

    @property
    def origins(self):
        return [self.arrays.get(name) for name in ("X0", "Y0")]

    def spline(self, k):
        """Knots along x, y, z and coefficients of channel k, or None."""
        parts = [self.arrays.get(f"{name}_{k}") for name in SPLINE]
        return None if parts[0] is None else parts

    @cached_property
    def spline_keywords(self):
        splines = [self.spline(k) or [None] * 4 for k in range(len(self.crops))]
        if all(spline[0] is None for spline in splines):
            return {}
        return {name: [spline[i] for spline in splines] for i, name in enumerate(SPLINE)}

    def setting(self, name, k, default):
        values = self.keywords.get(name, default)
        return values[k] if isinstance(values, list) else values

    def pixel(self, k):
        return tuple(self.setting("channels_pixels_nm", k, (1.0, 1.0)))

    def weighted(self, k):
        return self.setting("channels_weighted_integrations", k, True)

    def model(self, k):
        return self.setting("channels_fit_models", k, "isogauss")

    @cached_property
    def positions(self):
        """Detections of each channel, in the order of its crops."""
        if "ch" in self.arrays:
            return [np.flatnonzero(self.arrays["ch"] == k + 1) for k in range(len(self.crops))]
        ends = np.cumsum([len(crops) for crops in self.crops])
        return [np.arange(end - len(crops), end) for end, crops in zip(ends, self.crops)]

    @cached_property
    def expected(self):
        """What the formulas say, one list per channel."""
        return [self._expected(k, self.weighted(k)) for k in range(len(self.crops))]

    @cached_property
    def expected_medians(self):
        """Border medians of every channel, weighted ones too."""
        return [self._expected(k, False) for k in range(len(self.crops))]

    def _expected(self, k, weighted):
        positions = self.positions[k]
        columns = {name: self.arrays[name][positions] for name in (*COLUMNS, "X0", "Y0") if name in self.arrays}
        return oracle.channel(
            self.crops[k],
            method="filter" if weighted else "sum",
            model=self.model(k),
            pixel=self.pixel(k),
            scale=self.setting("channels_gains", k, 1.0) / self.setting("channels_QE", k, 1.0),
            spline_psf=self.spline(k),
            sigma=self.setting("channels_psf_sigmas_nm", k, 93.8),
            sigma_x=self.setting("channels_psf_xsigmas_nm", k, 93.8),
            sigma_y=self.setting("channels_psf_ysigmas_nm", k, 93.8),
            theta=self.setting("channels_psf_thetas_deg", k, 0.0),
            **(columns if weighted else {}),
        )

    def in_detection_order(self, per_channel):
        """A list of one list per channel, as one list."""
        ordered = [None] * sum(map(len, per_channel))
        for positions, values in zip(self.positions, per_channel):
            for position, value in zip(positions, values):
                ordered[position] = value
        return ordered
