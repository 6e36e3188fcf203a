// The PSF of a channel on the pixels of one crop, by a team: a Gaussian or a spline, which is the same for all crops of a kernel.
//
// One kernel serves both where the PSF is the smaller part of it.
#pragma once

#include "cuda/team_gauss_psf.cuh"
#include "cuda/team_spline_psf.cuh"

namespace lumicrop {
namespace cuda {

template <class Real>
class TeamPsf
{
public:
    using Gauss = TeamGaussPsf<Real>;
    using Spline = TeamSplinePsf<Real>;

    /// What the detection's columns say of it; of the model that is not the channel's, zeros.
    struct Parameters
    {
        typename Gauss::Parameters gauss;
        typename Spline::Parameters spline;

        __device__ __forceinline__ bool is_nan() const { return gauss.is_nan() || spline.is_nan(); }
    };
    static __device__ __forceinline__ Parameters parameters(const ChannelView& view, const Place& place)
    {
        Parameters given{};
        if (is_spline(view.spline))
            given.spline = Spline::parameters(view, place);
        else
            given.gauss = Gauss::parameters(view, place);
        return given;
    }

    static __host__ __device__ constexpr int64_t scratch(int64_t height, int64_t width, const SplineView& spline)
    {
        return is_spline(spline) ? Spline::scratch(height, width, spline) : Gauss::scratch(height, width, spline);
    }

    __device__ __forceinline__ TeamPsf(const ChannelView& view, const PsfCentre& centre, const Parameters& parameters)
        : is_spline_(is_spline(view.spline)), gauss_(view, centre, parameters.gauss),
          spline_(view, centre, parameters.spline)
    {
    }

    /// The PSF's height over the weights'.
    __device__ __forceinline__ double amplitude() const { return is_spline_ ? spline_.amplitude() : gauss_.amplitude(); }

    /// The weights of all pixels, 0 outside `counted`.
    template <class Team>
    __device__ __forceinline__ void draw(const SplineView& spline, const Team& team, const CropWindow& counted,
                                         TeamScratch scratch, Real* image)
    {
        if (is_spline_)
            spline_.draw(spline, team, counted, scratch, image);
        else
            gauss_.draw(spline, team, counted, scratch, image);
    }
    __device__ __forceinline__ bool outside_domain() const { return spline_.outside_domain(); }

    /// All of the PSF's light, in weights; NaN where there is none.
    template <class Team>
    __device__ __forceinline__ double light(const SplineView& spline, const Team& team, TeamScratch scratch) const
    {
        return is_spline_ ? spline_.light(spline, team, scratch) : gauss_.light(spline, team, scratch);
    }

private:
    static __host__ __device__ constexpr bool is_spline(const SplineView& spline) { return spline.x.n_coefficients > 0; }

    const bool is_spline_;
    const Gauss gauss_;
    Spline spline_;
};

} // namespace cuda
} // namespace lumicrop
