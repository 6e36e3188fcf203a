"""What a run of a `Sample` has to give: the same arrays in one call of `lumicrop.integrate`."""

import numpy as np

import lumicrop

SIZE = 7
PIXEL = 100.0


def crops_of(sample):
    """Rows of the table with a crop, by frame, and the columns that the library is given for them."""
    _, height, width = sample.movie.shape
    x, y = (sample.columns[name].astype("f8") for name in "xy")
    rows = np.flatnonzero((x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5))
    rows = rows[np.argsort(sample.columns["frame"][rows], kind="stable")]
    columns = {
        "frame": sample.columns["frame"].astype("i8"),
        "X0": np.floor(x + 0.5).astype("i8") - SIZE // 2,
        "Y0": np.floor(y + 0.5).astype("i8") - SIZE // 2,
        "x_fit": x * PIXEL,
        "y_fit": y * PIXEL,
        "os_fit": sample.columns["bg"].astype("f8"),
        "sigma_x_fit": sample.columns["sx"].astype("f8") * PIXEL,
        "sigma_y_fit": sample.columns["sy"].astype("f8") * PIXEL,
    }
    return rows, {name: values[rows] for name, values in columns.items()}


def counted_directly(sample, outputs, columns=None, **channel):
    """Columns over all rows of the table; NaN where there is no crop."""
    rows, usual = crops_of(sample)
    usual |= columns or {}
    camera = {"gain": 0.5, "camera_offset": 100.0, "qe": 1.0, "model": "gauss", "pixel_nm": PIXEL}
    result = lumicrop.integrate(
        lumicrop.Channel(sample.movie, crop_shape=(SIZE, SIZE), **camera | channel), outputs=outputs, **usual
    )
    found = {}
    for name in outputs:
        values = getattr(result, name)
        found[name] = np.full(sample.n, 0 if values.dtype.kind == "u" else np.nan, values.dtype)
        found[name][rows] = values
    return found, rows
