// The PSF on every pixel of a block's crops, a crop in each lane: weights that are the model up to a factor of the detection.
#pragma once

#include <optional>

#include "cpu/gauss_psf.hpp"
#include "cpu/spline_psf.hpp"
#include "cpu/transpose.hpp"
#include "math/spline_light.hpp"

namespace lumicrop {
inline namespace LUMICROP_TARGET {
namespace kernel {

template <class Real>
class PsfImages
{
public:
    static constexpr int kLanes = Real::kCount;
    using Scalar = typename Real::Scalar;
    using Wide = WideLanes<Real>;

    PsfImages(const Channel& channel, const Crops<kLanes>& crops, Workspace& workspace)
        : channel_(channel), crops_(crops), weights_(workspace.take<Real>(channel.height * channel.width))
    {
        if (channel.model != Model::spline) {
            gauss_.emplace(channel, crops, (channel.width + kLanes - 1) / kLanes * kLanes, workspace);
            return;
        }
        spline_.emplace(channel, workspace);
        line_ = workspace.take<Scalar>(spline_->width());
        const SplineView& spline = channel.spline->view();
        x_totals_ = workspace.take<double>(spline.x.n_coefficients);
        y_totals_ = workspace.take<double>(spline.y.n_coefficients);
    }

    /// Steps on to the block's detections.
    void find(const Job& job, const Block<kLanes>& block, const FilterInputs<Real>& inputs)
    {
        inputs.mux.store(mux_);
        inputs.muy.store(muy_);
        outside_domain_ = 0;
        if (gauss_) {
            gauss_->find(job, block, inputs);
            is_nan_ = gauss_->is_nan(inputs);
            return;
        }
        read_lanes(job.detections.z_fit, block, 0.0, z_);
        is_nan_ = 0;
        for (int lane = 0; lane < kLanes; ++lane) {
            const bool nan = (mux_[lane] != mux_[lane]) | (muy_[lane] != muy_[lane]) | (z_[lane] != z_[lane]);
            is_nan_ |= static_cast<uint32_t>(nan) << lane;
        }
    }

    /// Finds the weight of every pixel.
    void draw()
    {
        if (gauss_)
            draw_gauss();
        else
            draw_spline();
    }

    GaussPsf<Real>& gauss() { return *gauss_; }
    const Real& weight(int64_t pixel) const { return weights_[pixel]; }
    void set(int64_t pixel, Real weight) { weights_[pixel] = weight; }

    /// The model of unit amplitude over the weights.
    Wide amplitude() const { return gauss_ ? gauss_->amplitude() : Wide(1.0); }
    uint32_t is_nan() const { return is_nan_; }                 // lanes with a parameter that is NaN
    uint32_t outside_domain() const { return outside_domain_; } // lanes with a pixel outside the spline's domain

    /// All of the PSF's light, in weights: 1 for a Gaussian, whose weights are fractions.
    double light_of(int lane)
    {
        if (gauss_) return 1;
        const SplineView& spline = channel_.spline->view();
        math::Depth depth;
        if (!math::depth_at(spline.z, -z_[lane], depth) ||
            !math::pixels_under_basis(spline.x, channel_.pixel_x_nm, -mux_[lane], x_totals_) ||
            !math::pixels_under_basis(spline.y, channel_.pixel_y_nm, -muy_[lane], y_totals_))
            return math::not_a_number();
        double light = 0;
        for (int64_t iy = 0; iy < spline.y.n_coefficients; ++iy) {
            double row = 0;
            for (int64_t ix = 0; ix < spline.x.n_coefficients; ++ix)
                row += x_totals_[ix] * math::light_of(spline, depth, iy, ix);
            light += y_totals_[iy] * row;
        }
        return light;
    }

private:
    void draw_gauss()
    {
        const int64_t width = channel_.width;
        if (gauss_->rotated() != GaussPsf<Real>::kAllLanes) {
            gauss_->weigh_axes();
            for (int64_t row = 0; row < channel_.height; ++row) {
                const Real along_y = gauss_->rows()[row];
                for (int64_t column = 0; column < width; ++column)
                    weights_[row * width + column] = along_y * gauss_->columns()[column];
            }
        }
        if (gauss_->rotated() == 0) return;
        const typename Real::Mask rotated = mask_of<Real>(gauss_->rotated());
        typename GaussPsf<Real>::Rotated turned(*gauss_);
        for (int64_t row = 0; row < channel_.height; ++row) {
            turned.begin_row(row);
            for (int64_t column = 0; column < width; ++column) {
                Real& weight = weights_[row * width + column];
                const Real found = turned.weight(column);
                weight = gauss_->rotated() == GaussPsf<Real>::kAllLanes ? found : select(rotated, found, weight);
            }
        }
    }

    void draw_spline()
    {
        auto* const to = reinterpret_cast<Scalar*>(weights_);
        for (int lane = 0; lane < kLanes; ++lane) {
            const bool nan = (is_nan_ >> lane & 1) != 0;
            const bool cut = channel_.padding == Padding::geometry;
            const CropWindow counted = cut ? crops_.window(lane) : CropWindow{0, channel_.height, 0, channel_.width};
            bool outside = false;
            const bool any = spline_->find(counted, mux_[lane], muy_[lane], -z_[lane], outside);
            outside_domain_ |= static_cast<uint32_t>(outside && !nan) << lane;
            for (int64_t row = 0; row < channel_.height; ++row) {
                const bool some = any && spline_->begin_row(row);
                if (some)
                    for (int64_t c = 0; c < channel_.width; c += kLanes) spline_->at(c).store(line_ + c);
                for (int64_t c = 0; c < channel_.width; ++c)
                    to[(row * channel_.width + c) * kLanes + lane] = some ? line_[c] : Scalar(0);
            }
        }
    }

    const Channel& channel_;
    const Crops<kLanes>& crops_;
    Real* const weights_; // [height * width]
    std::optional<GaussPsf<Real>> gauss_;
    std::optional<SplinePsf<Real>> spline_;
    Scalar* line_ = nullptr;
    double* x_totals_ = nullptr;
    double* y_totals_ = nullptr;
    alignas(64) double mux_[kLanes], muy_[kLanes], z_[kLanes];
    uint32_t is_nan_ = 0, outside_domain_ = 0;
};

} // namespace kernel
} // namespace LUMICROP_TARGET
} // namespace lumicrop
