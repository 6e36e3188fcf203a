#include "job.hpp"

#include <algorithm>

#include "spline.hpp"

namespace bench {

namespace {

const lumicrop_spline* spline()
{
    static const lumicrop::Spline made = [] {
        SplineData data = spline_data();
        return lumicrop::Spline(lumicrop::column(data.tx), lumicrop::column(data.ty), lumicrop::column(data.tz),
                                lumicrop::array(data.coefficients.data(), {kSplineSide, kSplineSide, kSplineSide}));
    }();
    return made.get();
}

template <class T>
lumicrop_array first(const std::vector<T>& values, int64_t n)
{
    return lumicrop::array(values.data(), {n});
}

lumicrop_array images_of(const Source& source, int64_t first, int64_t n)
{
    char* data = static_cast<char*>(source.pixels.data()) + first * source.crop_bytes();
    const int64_t images = is_gathered(source.content) ? source.shape[0] : n;
    if (source.dtype == LUMICROP_F32)
        return lumicrop::array(reinterpret_cast<float*>(data), {images, source.shape[1], source.shape[2]});
    return lumicrop::array(reinterpret_cast<uint16_t*>(data), {images, source.shape[1], source.shape[2]});
}

/// Each channel's images, for the first `n` detections.
std::vector<lumicrop_array> images_of(const Source& source, int64_t n)
{
    if (source.content != Content::labelled) return {images_of(source, 0, n)};
    std::vector<lumicrop_array> made;
    const auto begin = source.columns.ch.begin();
    int64_t first = 0;
    for (int32_t channel = 1; channel <= kLabelledChannels; ++channel) {
        made.push_back(images_of(source, first, std::count(begin, begin + n, channel)));
        first += std::count(begin, source.columns.ch.end(), channel);
    }
    return made;
}

lumicrop_method method_of(Method method)
{
    switch (method) {
    case Method::sum: return LUMICROP_SUM;
    case Method::joint: return LUMICROP_JOINT;
    case Method::optimal: return LUMICROP_OPTIMAL;
    case Method::mle: return LUMICROP_MLE;
    default: return LUMICROP_FILTER;
    }
}

lumicrop_channel channel_of(Method method, const Source& source, const lumicrop_array& images)
{
    lumicrop_channel made = lumicrop::channel();
    made.images = &images;
    made.gain = kCamera.gain;
    made.qe = kCamera.qe;
    made.camera_offset = kCamera.offset;
    made.pixel_x_nm = made.pixel_y_nm = kCamera.pixel_nm;
    made.method = method_of(method);
    if (is_gathered(source.content)) {
        made.source = LUMICROP_GATHERED;
        made.crop_height = made.crop_width = source.side;
    }
    if (method == Method::gauss || method == Method::gauss_unrotated) made.model = LUMICROP_GAUSS;
    if (method == Method::spline) {
        made.model = LUMICROP_SPLINE;
        made.spline = spline();
    }
    return made;
}

} // namespace

const char* name(Method method)
{
    switch (method) {
    case Method::sum: return "sum";
    case Method::isogauss: return "filter/isogauss";
    case Method::gauss: return "filter/gauss";
    case Method::gauss_unrotated: return "filter/gauss-unrotated";
    case Method::spline: return "filter/spline";
    case Method::errors: return "errors/isogauss";
    case Method::joint: return "joint/isogauss";
    case Method::optimal: return "optimal/isogauss";
    case Method::mle: return "mle/isogauss";
    }
    return "";
}

Job::Job(Method method, const Source& source, int64_t n)
    : images_(images_of(source, n)), ch_(first(source.columns.ch, source.columns.ch.empty() ? 0 : n)),
      frame_(first(source.columns.frame, n)), X0_(first(source.columns.X0, n)), Y0_(first(source.columns.Y0, n)),
      x_fit_(first(source.columns.x_fit, n)), y_fit_(first(source.columns.y_fit, n)), z_fit_(first(source.columns.z_fit, n)),
      os_fit_(first(source.columns.os_fit, n)), sigma_fit_(first(source.columns.sigma_fit, n)),
      sigma_x_fit_(first(source.columns.sigma_x_fit, n)), sigma_y_fit_(first(source.columns.sigma_y_fit, n)),
      sigma_angle_(first(source.columns.sigma_angle, n)), photons_(static_cast<std::size_t>(n)),
      photons_sigma_(method == Method::errors ? photons_.size() : 0), chi2_(photons_sigma_.size()),
      photons_column_(first(photons_, n)),
      photons_sigma_column_(first(photons_sigma_, static_cast<int64_t>(photons_sigma_.size()))),
      chi2_column_(first(chi2_, static_cast<int64_t>(chi2_.size()))), detections_(lumicrop::detections(n)),
      result_(lumicrop::result())
{
    for (const lumicrop_array& images : images_) channels_.push_back(channel_of(method, source, images));
    if (source.content == Content::labelled) read(detections_.ch, ch_);
    if (is_gathered(source.content)) read(detections_.frame, frame_);
    if (is_gathered(source.content) || method != Method::sum) {
        read(detections_.X0, X0_);
        read(detections_.Y0, Y0_);
    }
    if (method != Method::sum) {
        read(detections_.x_fit, x_fit_);
        read(detections_.y_fit, y_fit_);
        if (method_of(method) == LUMICROP_FILTER) read(detections_.os_fit, os_fit_);
    }
    switch (method) {
    case Method::sum: break;
    case Method::isogauss:
    case Method::errors:
    case Method::joint:
    case Method::optimal:
    case Method::mle: read(detections_.sigma_fit, sigma_fit_); break;
    case Method::gauss: read(detections_.sigma_angle, sigma_angle_); [[fallthrough]];
    case Method::gauss_unrotated:
        read(detections_.sigma_x_fit, sigma_x_fit_);
        read(detections_.sigma_y_fit, sigma_y_fit_);
        break;
    case Method::spline: read(detections_.z_fit, z_fit_); break;
    }
    result_.photons = &photons_column_;
    if (method != Method::errors) return;
    result_.photons_sigma = &photons_sigma_column_;
    result_.chi2 = &chi2_column_;
}

std::vector<lumicrop_array*> Job::outputs()
{
    if (result_.photons_sigma == nullptr) return {&photons_column_};
    return {&photons_column_, &photons_sigma_column_, &chi2_column_};
}

void Job::read(const lumicrop_array*& column, lumicrop_array& from)
{
    column = &from;
    columns_.push_back(&from);
}

void Job::run(lumicrop::Context& context)
{
    context.integrate(channels_, detections_, result_);
}

} // namespace bench
