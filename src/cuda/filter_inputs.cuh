// What all PSF models of the matched filter share on the device: positions, background, and the detection's outcome (SPEC sections 2
// and 4).
#pragma once

#include "cuda/window.cuh"
#include "math/running_sum.hpp"

namespace lumicrop {
namespace cuda {

/// PSF centre from the crop's first pixel's centre [nm].
struct PsfCentre
{
    double mux, muy;

    __device__ __forceinline__ double column(const ChannelView& view) const { return mux / view.pixel_x_nm; }
    __device__ __forceinline__ double row(const ChannelView& view) const { return muy / view.pixel_y_nm; }
    __device__ __forceinline__ bool is_nan() const { return mux != mux || muy != muy; }
};

template <class Reader>
__device__ __forceinline__ PsfCentre psf_centre(const ChannelView& view, const Reader& reader)
{
    const InputColumns& columns = view.columns;
    return {
        math::position_in_crop(reader.real(columns.x_fit, 0), reader.number(columns.X0), view.pixel_x_nm, view.corner_x_nm),
        math::position_in_crop(reader.real(columns.y_fit, 0), reader.number(columns.Y0), view.pixel_y_nm, view.corner_y_nm)};
}

template <class Real>
struct FilterInputs : PsfCentre
{
    double background;          // counts above the camera's offset
    math::Parts<Real> subtract; // background and offset: what each pixel loses
};

template <class Real, class Reader>
__device__ __forceinline__ FilterInputs<Real> filter_inputs(const ChannelView& view, const Reader& reader)
{
    FilterInputs<Real> inputs;
    static_cast<PsfCentre&>(inputs) = psf_centre(view, reader);
    inputs.background = reader.real(view.columns.os_fit, 0) * math::counts_per_photon(view.gain, view.qe);
    inputs.subtract = math::in_parts<Real>(inputs.background + view.camera_offset);
    return inputs;
}

/// From sums to the outcome. `has_non_finite()` tells whether some pixel is NaN or infinite; it is asked where that matters.
template <class Real, class HasNonFinite>
__device__ __forceinline__ Outcome finish_filter(const ChannelView& view, const FilterInputs<Real>& inputs,
                                                 const math::FilterSums& sums, double amplitude, bool shape_is_nan,
                                                 bool clipped, HasNonFinite has_non_finite)
{
    const math::FilterOutcome outcome = math::filter_outcome(
        {sums.weights, sums.squares, sums.products - static_cast<double>(inputs.subtract.low) * sums.weights}, amplitude,
        shape_is_nan, inputs.background != inputs.background);
    uint32_t flags = clipped ? LUMICROP_FLAG_TRUNCATED : 0;
    if (math::lies_outside(inputs.column(view), inputs.row(view), static_cast<double>(view.height),
                           static_cast<double>(view.width)))
        flags |= LUMICROP_FLAG_CENTRE_OUTSIDE;
    if (outcome.parameter_is_nan) flags |= LUMICROP_FLAG_PARAMETER_NAN;
    if (outcome.zero_denominator) flags |= LUMICROP_FLAG_ZERO_DENOMINATOR;
    if (outcome.is_doubtful && has_non_finite()) flags |= LUMICROP_FLAG_DATA_NOT_FINITE;
    return {outcome.counts, inputs.background, outcome.psf_sum, outcome.denominator, flags};
}

} // namespace cuda
} // namespace lumicrop
