#include "asked.hpp"
#include "padding.hpp"

namespace oracle {

/// The PSF is normalised over all pixels that are not padding: a masked one holds light, too. Where pixels are added up it is what lies on
/// these.
void Asked::find_pixels()
{
    fit_.excess = excess_;
    fit_.fits_background = q_.background == Background::fitted;
    fit_.precision = q_.precision;
    if (q_.psf) image_ = psf_image(*q_.psf, q_.crop.height, q_.crop.width);
    for (size_t i = 0; q_.psf && i < n(); ++i) {
        if (adds_up() ? !takes_part(i) : !belongs(i)) continue;
        psf_sum_ += share(i) * image_.m[i];
        psf_terms_ += std::abs(image_.m[i]);
    }
    if (q_.psf && q_.psf->model != Model::spline) {
        const auto outside = [](double mu, double pixel, int64_t count) {
            return std::max(-Real(pixel) / 2 - mu, mu - (Real(count) - Real(0.5)) * pixel);
        };
        const Real sigma_x = std::abs(width_of(q_.psf->sigma_x));
        const Real sigma_y = std::abs(width_of(q_.psf->sigma_y));
        far_centre_ = std::max(outside(q_.psf->mux, q_.psf->pixel_x, q_.crop.width),
                               outside(q_.psf->muy, q_.psf->pixel_y, q_.crop.height)) > 3 * std::min(sigma_x, sigma_y);
        too_little_ = psf_sum_ * q_.psf->pixel_x * q_.psf->pixel_y < Real(1e-6) * 2 * pi * sigma_x * sigma_y;
    }
    for (size_t i = 0; i < n(); ++i) {
        if (!takes_part(i)) continue;
        LightPixel pixel;
        pixel.p = q_.psf ? image_.m[i] / psf_sum_ : 0;
        pixel.base = base_of(i);
        pixel.d = electrons_[i] - pixel.base;
        pixel.v = read_[i];
        pixel.slack = slack_[i];
        // A level of its own for each pixel is rounded with it.
        if (q_.background == Background::map || q_.sensor.offset_differs || q_.sensor.gain_differs)
            pixel.slack += epsilon() * 3 * (std::abs(pixel.base) + std::abs(pixel.d));
        // A fitted background is not known before; what stands for it is the first pixel. Where that does not count, d is rounded as it is.
        if (q_.background == Background::fitted && !counts(0)) pixel.slack += epsilon() * 3 * std::abs(pixel.d);
        pixel.ring = !ring_.empty() && ring_[i] != 0;
        fit_.pixels.push_back(pixel);
        const bool certain = touch(i) == Touch::yes;
        (certain ? surely_touches_ : maybe_touches_) = true;
        if (!std::isfinite(q_.crop.raw[i])) (certain ? bad_pixel_ : maybe_bad_) = true;
    }
}

/// One rounding of the position in float64 moves every p: what that does to d = S p + b is slack of each pixel, S times the change.
void Asked::judge_position()
{
    if (!(q_.position_rounding > 0) || q_.shape_is_nan || psf_sum_ == 0) return;
    const double turn = q_.psf->model == Model::gauss && q_.psf->theta_deg != 0 ? std::ldexp(180 / double(pi), -51) : 0;
    p_moves_.assign(n(), 0);
    for (int way = 0; way < (turn > 0 ? 3 : 2); ++way) {
        Psf moved = *q_.psf;
        (way == 0 ? moved.mux : way == 1 ? moved.muy : moved.theta_deg) += way == 2 ? turn : q_.position_rounding;
        const PsfImage image = psf_image(moved, q_.crop.height, q_.crop.width);
        if (image.outside_domain != image_.outside_domain) continue; // exactly on the domain's end: no slack there
        Real sum = 0;
        for (size_t i = 0; i < n(); ++i) sum += share(i) * image.m[i];
        psf_moves_ += std::abs(sum - psf_sum_);
        for (size_t i = 0; i < n(); ++i) p_moves_[i] += std::abs(image.m[i] / sum - image_.m[i] / psf_sum_);
    }
}

Photometry photometry(const Question& question)
{
    return Asked(question).answer();
}

} // namespace oracle
