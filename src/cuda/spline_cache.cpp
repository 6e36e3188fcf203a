#include "cuda/spline_cache.hpp"

#include <cstring>

#include "cuda/spline_layout.hpp"

namespace lumicrop {
namespace cuda {
namespace {

/// One block of bytes for the device, written on the host, with the addresses that its pieces will have.
class Image
{
public:
    explicit Image(std::byte* device) : device_(device) {}

    /// Rows of `count` values, `pitch` apart on the device.
    template <class T>
    const T* add_rows(const T* values, int64_t rows, int64_t count, int64_t pitch)
    {
        const auto begin = static_cast<int64_t>(bytes_.size());
        bytes_.resize(static_cast<std::size_t>(whole_lines(begin + rows * pitch * static_cast<int64_t>(sizeof(T)))));
        for (int64_t row = 0; row < rows; ++row)
            std::memcpy(bytes_.data() + begin + row * pitch * static_cast<int64_t>(sizeof(T)), values + row * count,
                        static_cast<std::size_t>(count) * sizeof(T));
        return reinterpret_cast<const T*>(device_ + begin);
    }
    const std::vector<std::byte>& bytes() const { return bytes_; }

private:
    std::byte* device_;
    std::vector<std::byte> bytes_;
};

KnotAxis add_axis(Image& image, const KnotAxis& axis)
{
    return {image.add_rows(axis.knots, 1, axis.n_coefficients + kSplineOrder, axis.n_coefficients + kSplineOrder),
            image.add_rows(axis.polynomials, axis.n_coefficients, axis.polynomials_stride, kPolynomialsPitch),
            kPolynomialsPitch, axis.n_coefficients, axis.inverse_step};
}

/// The narrow coefficients in lines, the last of which are filled up with zeros.
const float* add_lines(Image& image, const SplineView& spline)
{
    const int64_t nx = spline.x.n_coefficients, rows = spline.y.n_coefficients * spline.z.n_coefficients;
    const int64_t shift = line_shift(spline);
    std::vector<float> lines(static_cast<std::size_t>(line_numbers(spline)));
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = shift; column < shift + nx; ++column)
            lines[static_cast<std::size_t>((column / kLineColumns * rows + row) * kLineColumns + column % kLineColumns)] =
                spline.narrow[row * nx + column - shift];
    const auto numbers = static_cast<int64_t>(lines.size());
    return image.add_rows(lines.data(), 1, numbers, numbers);
}

DeviceSpline add_spline(Image& image, const SplineView& spline)
{
    const int64_t nx = spline.x.n_coefficients, rows = spline.y.n_coefficients * spline.z.n_coefficients;
    DeviceSpline view;
    view.x = add_axis(image, spline.x);
    view.y = add_axis(image, spline.y);
    view.z = add_axis(image, spline.z);
    view.narrow = image.add_rows(spline.narrow, rows, nx, coefficient_pitch<float>(nx));
    view.lines = add_lines(image, spline);
    view.n_line_rows = static_cast<uint32_t>(rows);
    view.line_shift = line_shift(spline);
    view.wide = image.add_rows(spline.wide, rows, nx, coefficient_pitch<double>(nx));
    return view;
}

} // namespace

const DeviceSpline* SplineCache::find(const Spline& spline)
{
    const auto life = spline.life().lock();
    for (const Copy& copy : copies_)
        if (copy.life.lock() == life) return &copy.view;
    return nullptr;
}

const DeviceSpline& SplineCache::of(const Spline& spline, cudaStream_t own_stream)
{
    if (const DeviceSpline* known = find(spline)) return *known;
    copies_.remove_if([](const Copy& copy) { return copy.life.expired(); });

    Image sizes(nullptr);
    add_spline(sizes, spline.view());
    Copy copy;
    copy.life = spline.life();
    const auto bytes = static_cast<int64_t>(sizes.bytes().size());
    Image image(copy.memory.at_least(bytes, "cudaMalloc for a spline"));
    copy.view = add_spline(image, spline.view());
    check(cudaMemcpyAsync(copy.memory.get(), image.bytes().data(), image.bytes().size(), cudaMemcpyHostToDevice, own_stream),
          "cudaMemcpyAsync of a spline");
    check(cudaStreamSynchronize(own_stream), "cudaStreamSynchronize after copying a spline");
    copies_.push_back(std::move(copy));
    return copies_.back().view;
}

} // namespace cuda
} // namespace lumicrop
