#include "job.hpp"

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

lumicrop_array images_of(const Source& source, int64_t n)
{
    const int64_t images = is_gathered(source.content) ? source.shape[0] : n;
    if (source.dtype == LUMICROP_F32)
        return lumicrop::array(static_cast<float*>(source.pixels.data()), {images, source.shape[1], source.shape[2]});
    return lumicrop::array(static_cast<uint16_t*>(source.pixels.data()), {images, source.shape[1], source.shape[2]});
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
    }
    return "";
}

Job::Job(Method method, const Source& source, int64_t n)
    : images_(images_of(source, n)), frame_(first(source.columns.frame, n)), X0_(first(source.columns.X0, n)),
      Y0_(first(source.columns.Y0, n)), x_fit_(first(source.columns.x_fit, n)), y_fit_(first(source.columns.y_fit, n)),
      z_fit_(first(source.columns.z_fit, n)), os_fit_(first(source.columns.os_fit, n)),
      sigma_fit_(first(source.columns.sigma_fit, n)), sigma_x_fit_(first(source.columns.sigma_x_fit, n)),
      sigma_y_fit_(first(source.columns.sigma_y_fit, n)), sigma_angle_(first(source.columns.sigma_angle, n)),
      photons_(static_cast<std::size_t>(n)), photons_column_(first(photons_, n)), channel_(lumicrop::channel()),
      detections_(lumicrop::detections(n)), result_(lumicrop::result())
{
    channel_.images = &images_;
    channel_.gain = kCamera.gain;
    channel_.qe = kCamera.qe;
    channel_.camera_offset = kCamera.offset;
    channel_.pixel_x_nm = channel_.pixel_y_nm = kCamera.pixel_nm;
    channel_.method = method == Method::sum ? LUMICROP_SUM : LUMICROP_FILTER;
    if (is_gathered(source.content)) {
        channel_.source = LUMICROP_GATHERED;
        channel_.crop_height = channel_.crop_width = source.side;
        detections_.frame = &frame_;
        detections_.X0 = &X0_;
        detections_.Y0 = &Y0_;
    }
    if (method != Method::sum) {
        detections_.X0 = &X0_;
        detections_.Y0 = &Y0_;
        detections_.x_fit = &x_fit_;
        detections_.y_fit = &y_fit_;
        detections_.os_fit = &os_fit_;
    }
    switch (method) {
    case Method::sum: break;
    case Method::isogauss: detections_.sigma_fit = &sigma_fit_; break;
    case Method::gauss: detections_.sigma_angle = &sigma_angle_; [[fallthrough]];
    case Method::gauss_unrotated:
        channel_.model = LUMICROP_GAUSS;
        detections_.sigma_x_fit = &sigma_x_fit_;
        detections_.sigma_y_fit = &sigma_y_fit_;
        break;
    case Method::spline:
        channel_.model = LUMICROP_SPLINE;
        channel_.spline = spline();
        detections_.z_fit = &z_fit_;
        break;
    }
    result_.photons = &photons_column_;
}

void Job::run(lumicrop::Context& context)
{
    context.integrate(&channel_, 1, detections_, result_);
}

} // namespace bench
