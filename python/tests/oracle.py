"""The formulas in plain NumPy and float64, pixel by pixel, and how far a result may lie from them.

Nothing here comes from the library: this is what it is judged by.
"""

import math

import numpy as np

SINGLE, DOUBLE = 4e-6, 1e-13
"""Relative bounds of float32 and float64 paths."""

erf, erfc = np.vectorize(math.erf, otypes=[float]), np.vectorize(math.erfc, otypes=[float])


# ------------------------------------------------------------------------------------------------------------ formulas


def pixel_gaussian(distance, sigma, pixel):
    """Unit-height Gaussian averaged over a pixel `distance` away; erfc where erf would cancel."""
    sigma = max(abs(sigma), 1e-12) if not math.isnan(sigma) else math.nan
    a, b = (distance - pixel / 2) / (math.sqrt(2) * sigma), (distance + pixel / 2) / (math.sqrt(2) * sigma)
    near = np.minimum(np.abs(a), np.abs(b))
    far = np.maximum(np.abs(a), np.abs(b))
    difference = np.where(np.sign(a) == np.sign(b), erfc(near) - erfc(far), erf(b) - erf(a))
    return math.sqrt(math.pi / 2) * sigma / pixel * np.where(np.isnan(a), np.nan, difference)


def isogauss(shape, pixel, mux, muy, sigma):
    y, x = np.indices(shape)
    return pixel_gaussian(x * pixel[1] - mux, sigma, pixel[1]) * pixel_gaussian(y * pixel[0] - muy, sigma, pixel[0])


def gauss(shape, pixel, mux, muy, sigma_x, sigma_y, theta_deg):
    y, x = np.indices(shape)
    dx, dy, theta = x * pixel[1] - mux, y * pixel[0] - muy, math.radians(theta_deg)
    along = dx * math.cos(theta) - dy * math.sin(theta)
    across = dx * math.sin(theta) + dy * math.cos(theta)
    return pixel_gaussian(along, sigma_x, pixel[1]) * pixel_gaussian(across, sigma_y, pixel[0])


def basis(knots, positions, degree=3):
    """B-splines at `positions` by the recursion of Cox and de Boor, shape (positions, splines); 0 outside the domain."""
    t, n = np.asarray(knots, float), len(knots) - degree - 1
    table = np.zeros((len(positions), n))
    for row, u in zip(table, positions):
        if not t[degree] <= u <= t[n]:
            row[:] = np.nan if math.isnan(u) else 0
            continue
        span = max(i for i in range(degree, n) if t[i] <= u and t[i] < t[i + 1])
        b = np.zeros(len(t) - 1)
        b[span] = 1
        for k in range(1, degree + 1):
            for i in range(len(t) - k - 1):
                left = (u - t[i]) / (t[i + k] - t[i]) * b[i] if t[i + k] > t[i] else 0
                right = (t[i + k + 1] - u) / (t[i + k + 1] - t[i + 1]) * b[i + 1] if t[i + k + 1] > t[i + 1] else 0
                b[i] = left + right
        row[:] = b[:n]
    return table


def spline(shape, pixel, mux, muy, z, tx, ty, tz, coefficients):
    by = basis(ty, np.arange(shape[0]) * pixel[0] - muy)
    bx = basis(tx, np.arange(shape[1]) * pixel[1] - mux)
    bz = basis(tz, [-z])
    return np.einsum("zyx,z,ry,cx->rc", np.asarray(coefficients, float), bz[0], by, bx)


def padding_zeros(crop):
    """Zeros that connect to the border through zeros."""
    height, width = crop.shape
    padding = np.zeros(crop.shape, bool)
    todo = [(r, c) for r in range(height) for c in range(width) if r in (0, height - 1) or c in (0, width - 1)]
    while todo:
        r, c = todo.pop()
        if 0 <= r < height and 0 <= c < width and crop[r, c] == 0 and not padding[r, c]:
            padding[r, c] = True
            todo += [(r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)]
    return padding


def border_median(crop, padding):
    """Median of the outer ring, each pixel once, without padding and NaN; 0 if nothing is left."""
    ring = np.ones(crop.shape, bool)
    ring[1:-1, 1:-1] = False
    values = crop[ring & ~padding]
    values = np.sort(values[~np.isnan(values)])
    if not len(values):
        return 0.0
    low, high = values[(len(values) - 1) // 2], values[len(values) // 2]
    return float(low) if low == high else (float(low) + float(high)) / 2


# ----------------------------------------------------------------------------------------- one detection: result, bound


def sum_above_border(crop, scale, relative, padding=None):
    """Photons, background and the bound on photons, of the border-median sum of raw counts `crop` (float64)."""
    padding = padding_zeros(crop) if padding is None else padding
    b = border_median(crop, padding)
    with np.errstate(invalid="ignore"):
        terms = (crop - b)[~padding]
        photons_terms = np.abs(terms).sum() * scale
        return {
            "photons": terms.sum() * scale,
            "background": b,
            "psf_sum": np.nan,
            "denominator": np.nan,
            "photons_terms": photons_terms,
            "photons_bound": relative * photons_terms,
            "background_bound": 0.0,
        }


def matched_filter(crop, psf, os_fit, scale, relative, pixels=None, may_fail=False, tail=False):
    """Photons, background, psf_sum, denominator and their bounds, of the filter.

    `pixels` are counted (default all); `may_fail`: the crop encloses too little of the PSF for a number to be due;
    `tail`: the centre lies more than 3 sigma outside the crop, where the bound is ten times as wide.
    """
    pixels = np.ones(crop.shape, bool) if pixels is None else pixels
    with np.errstate(all="ignore"):
        b = np.float64(os_fit) / scale
        m, d = psf[pixels], (crop - b)[pixels]
        total, p = m.sum(), m / m.sum()
        denominator = (p * p).sum()
        photons = (p * d).sum() / denominator * scale
        if not (np.isfinite(total) and np.isfinite(denominator) and total and denominator):
            photons = np.nan
        terms = scale * (abs((m * d).sum()) * np.abs(m).sum() + abs(total) * (np.abs(m) * np.abs(d)).sum()) / (m * m).sum()
    return {
        "photons": photons,
        "background": b,
        "psf_sum": total,
        "denominator": denominator,
        "may_fail": may_fail,
        "photons_terms": terms,
        "photons_bound": relative * (10 if tail else 1) * terms,
        "background_bound": 1e-15 * abs(b),
        "psf_sum_bound": relative * np.abs(m).sum(),
        "denominator_bound": (1e-5 if relative == SINGLE else relative) * denominator,
    }


# --------------------------------------------------------------------------------------------------- a whole channel


def relative_bound(dtype):
    """Of the path that an image of `dtype` takes."""
    return SINGLE if np.dtype(dtype).newbyteorder("=") in map(np.dtype, ("u1", "u2", "i2", "f4")) else DOUBLE


def value(column, j, default=None):
    return default if column is None else float(column[j])


def channel(
    crops,
    *,
    method,
    scale,
    offset=0.0,
    model=None,
    pixel=None,
    spline_psf=None,
    sigma=93.8,
    sigma_x=93.8,
    sigma_y=93.8,
    theta=0.0,
    padding=None,
    pixels=None,
    **columns,
):
    """Expectations of every crop of one channel, in its own order; `columns` are the channel's own."""
    relative, expected = relative_bound(crops.dtype), []
    for j, raw in enumerate(crops):
        crop = raw.astype(float) - offset
        if method == "sum":
            row_padding = padding_zeros(raw.astype(float)) if padding is None else padding[j]
            expected.append(sum_above_border(crop, scale, relative, row_padding))
            continue
        get = {name: column[j] if column is not None else None for name, column in columns.items()}
        mux = float(get["x_fit"]) - float(get["X0"]) * pixel[1]
        muy = float(get["y_fit"]) - float(get["Y0"]) * pixel[0]
        with np.errstate(all="ignore"):
            psf, widths = model_of(model, raw.shape, pixel, mux, muy, get, spline_psf, sigma, sigma_x, sigma_y, theta)
            enclosed = psf.sum() * pixel[0] * pixel[1] / (2 * math.pi * widths[0] * widths[1]) if widths else 1.0
        outside = 0.0
        if widths:
            for mu, size, length, width in ((mux, raw.shape[1], pixel[1], widths[0]), (muy, raw.shape[0], pixel[0], widths[1])):
                outside = max(outside, (-length / 2 - mu) / width, (mu - (size - 0.5) * length) / width)
        expected.append(
            matched_filter(
                crop,
                psf,
                get["os_fit"],
                scale,
                relative,
                None if pixels is None else pixels[j],
                may_fail=enclosed < 1e-6,
                tail=outside > 3,
            )
        )
    return expected


def model_of(model, shape, pixel, mux, muy, get, spline_psf, sigma, sigma_x, sigma_y, theta):
    """The PSF over the crop, and its widths (none of a spline)."""

    def first(*candidates):
        return next(float(c) for c in candidates if c is not None)

    if model == "isogauss":
        width = first(get.get("sigma_fit"), sigma)
        return isogauss(shape, pixel, mux, muy, width), (max(abs(width), 1e-12),) * 2
    if model == "gauss":
        widths = (
            first(get.get("sigma_x_fit"), get.get("sigma_fit"), sigma_x),
            first(get.get("sigma_y_fit"), get.get("sigma_fit"), sigma_y),
        )
        return gauss(shape, pixel, mux, muy, *widths, first(get.get("sigma_angle"), theta)), [
            max(abs(w), 1e-12) for w in widths
        ]
    return spline(shape, pixel, mux, muy, first(get.get("z_fit"), 0), *spline_psf), None


# ----------------------------------------------------------------------------------------------------------- judgement


def assert_agrees(actual, expected, name):
    """Every row of the column `name` within its own bound; where it is not a finite number, not finite either.

    A float32 column may add its own rounding.
    """
    actual = np.asarray(actual)
    assert len(actual) == len(expected)
    for row, (found, due) in enumerate(zip(actual, expected)):
        if due.get("may_fail") and name != "background" and np.isnan(found):
            continue
        reference = due[name]
        if not np.isfinite(reference):
            assert not np.isfinite(found), f"row {row}: {name} is {found}, not a finite number expected"
            assert np.isnan(reference) == np.isnan(found) or name == "photons", (
                f"row {row}: {name} is {found}, {reference} expected"
            )
            continue
        bound = due[f"{name}_bound"]
        if actual.dtype == np.float32:
            bound += abs(reference) * 2.0**-24 + 1e-45
        assert abs(float(found) - reference) <= bound, (
            f"row {row}: {name} is {found!r}, {reference!r} expected within {bound:.3g} (off by {abs(found - reference):.3g})"
        )


def assert_seed_agrees(seed, expected, name, relative=1e-6):
    """The seed's numbers within `relative` of the sum of absolute terms: what stands here is what the seed computes."""
    for row, (found, due) in enumerate(zip(np.asarray(seed, float), expected)):
        if due.get("may_fail"):
            continue
        reference = due[name]
        if not np.isfinite(reference):
            assert not np.isfinite(found), f"row {row}: the seed's {name} is {found}, {reference} here"
            continue
        terms = due["photons_terms"] if name == "photons" else abs(reference)
        assert abs(found - reference) <= relative * terms + 1e-30, f"row {row}: the seed's {name} is {found}, {reference} here"
