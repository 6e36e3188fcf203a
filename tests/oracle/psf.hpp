// SPEC 5: the PSF model of unit amplitude over the pixels of one crop.
#pragma once

#include "bspline.hpp"
#include "crop.hpp"
#include "gaussian.hpp"

namespace oracle {

enum class Model { isogauss, gauss, spline };

/// A PSF at a fitted position, in nm from the centre of the crop's first pixel.
struct Psf
{
    Model model = Model::isogauss;
    double pixel_y = 1;
    double pixel_x = 1;
    double mux = 0;
    double muy = 0;
    double sigma_x = 0; ///< isogauss: both axes
    double sigma_y = 0;
    double theta_deg = 0;
    double z = 0;
    const Spline* spline = nullptr;
};

struct PsfImage
{
    std::vector<Real> m;              ///< [height * width]
    std::vector<char> outside_domain; ///< spline: the pixel lies outside the domain
};

inline PsfImage isogauss_image(const Psf& psf, int64_t height, int64_t width)
{
    PsfImage image;
    std::vector<Real> along_x;
    for (int64_t c = 0; c < width; ++c)
        along_x.push_back(pixel_gaussian(Real(c) * psf.pixel_x - psf.mux, psf.sigma_x, psf.pixel_x));
    for (int64_t r = 0; r < height; ++r) {
        const Real along_y = pixel_gaussian(Real(r) * psf.pixel_y - psf.muy, psf.sigma_y, psf.pixel_y);
        for (int64_t c = 0; c < width; ++c) image.m.push_back(along_x[static_cast<size_t>(c)] * along_y);
    }
    return image;
}

inline PsfImage gauss_image(const Psf& psf, int64_t height, int64_t width)
{
    PsfImage image;
    const Real angle = Real(psf.theta_deg) * pi / 180;
    const Real cosine = std::cos(angle);
    const Real sine = std::sin(angle);
    for (int64_t r = 0; r < height; ++r)
        for (int64_t c = 0; c < width; ++c) {
            const Real dx = Real(c) * psf.pixel_x - psf.mux;
            const Real dy = Real(r) * psf.pixel_y - psf.muy;
            image.m.push_back(pixel_gaussian(dx * cosine - dy * sine, psf.sigma_x, psf.pixel_x) *
                              pixel_gaussian(dx * sine + dy * cosine, psf.sigma_y, psf.pixel_y));
        }
    return image;
}

inline PsfImage spline_image(const Psf& psf, int64_t height, int64_t width)
{
    PsfImage image;
    const Basis z = basis_at(psf.spline->tz, -psf.z);
    std::vector<Basis> along_x;
    for (int64_t c = 0; c < width; ++c) along_x.push_back(basis_at(psf.spline->tx, double(c) * psf.pixel_x - psf.mux));
    for (int64_t r = 0; r < height; ++r) {
        const Basis y = basis_at(psf.spline->ty, double(r) * psf.pixel_y - psf.muy);
        for (const Basis& x : along_x) {
            image.m.push_back(spline_value(*psf.spline, x, y, z));
            image.outside_domain.push_back(!x.inside || !y.inside || !z.inside);
        }
    }
    return image;
}

inline PsfImage psf_image(const Psf& psf, int64_t height, int64_t width)
{
    switch (psf.model) {
    case Model::isogauss: return isogauss_image(psf, height, width);
    case Model::gauss: return gauss_image(psf, height, width);
    case Model::spline: break;
    }
    return spline_image(psf, height, width);
}

} // namespace oracle
