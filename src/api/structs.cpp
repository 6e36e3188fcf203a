// Defaults of the public structs.
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

#include "api/error.hpp"
#include "job/array_view.hpp"
#include "job/struct_size.hpp"

namespace lumicrop {
namespace {

/// Writes as much of `defaults` as the caller's struct has room for.
template <class Struct>
lumicrop_status fill(Struct* to, int64_t struct_size, const char* name, Struct defaults)
{
    return guarded([&] {
        if (to == nullptr) refuse(std::string(name) + " is NULL, a pointer to a struct expected");
        if (struct_size < kSmallestSize<Struct> || struct_size > kLargestSize)
            refuse(std::string(name) + ": struct_size is " + std::to_string(struct_size) + ", sizeof(lumicrop_" + name +
                   ") = " + std::to_string(sizeof(Struct)) + " expected");
        // A newer caller's further fields begin as zeros, which this library accepts.
        std::memset(static_cast<void*>(to), 0, static_cast<std::size_t>(struct_size));
        defaults.struct_size = struct_size;
        const auto known = static_cast<int64_t>(sizeof(Struct));
        std::memcpy(static_cast<void*>(to), &defaults, static_cast<std::size_t>(struct_size < known ? struct_size : known));
    });
}

} // namespace
} // namespace lumicrop

using namespace lumicrop;

extern "C" {

lumicrop_status lumicrop_array_init(lumicrop_array* array, int64_t struct_size, void* data, lumicrop_dtype dtype,
                                    int64_t ndim, const int64_t* shape)
{
    return guarded([&] {
        if (!is_dtype(dtype))
            refuse("array: dtype is " + std::to_string(dtype) + ", one of LUMICROP_U8 to LUMICROP_I64 (1 to 10) expected");
        if (ndim < 1 || ndim > 3) refuse("array: ndim is " + std::to_string(ndim) + ", 1 to 3 expected");
        if (shape == nullptr) refuse("array: shape is NULL, " + std::to_string(ndim) + " extents expected");
        lumicrop_array defaults{};
        defaults.data = data;
        defaults.dtype = dtype;
        defaults.memory = LUMICROP_HOST;
        defaults.ndim = ndim;
        int64_t stride = size_of(Dtype{dtype});
        for (int64_t axis = ndim - 1; axis >= 0; --axis) {
            if (shape[axis] < 0)
                refuse("array: shape[" + std::to_string(axis) + "] is " + std::to_string(shape[axis]) +
                       ", 0 or more expected");
            defaults.shape[axis] = shape[axis];
            defaults.strides[axis] = stride;
            if (__builtin_mul_overflow(stride, shape[axis] == 0 ? 1 : shape[axis], &stride))
                refuse("array: shape has more elements than 64 bits count");
        }
        const lumicrop_status status = fill(array, struct_size, "array", defaults);
        if (status != LUMICROP_OK) throw Refusal{status, lumicrop_last_error()};
    });
}

lumicrop_status lumicrop_backend_info_init(lumicrop_backend_info* info, int64_t struct_size)
{
    return fill(info, struct_size, "backend_info", lumicrop_backend_info{});
}

lumicrop_status lumicrop_context_info_init(lumicrop_context_info* info, int64_t struct_size)
{
    return fill(info, struct_size, "context_info", lumicrop_context_info{});
}

lumicrop_status lumicrop_options_init(lumicrop_options* options, int64_t struct_size)
{
    lumicrop_options defaults{};
    defaults.backend = LUMICROP_BACKEND_AUTO;
    defaults.isa = LUMICROP_ISA_AUTO;
    defaults.device = -1;
    return fill(options, struct_size, "options", defaults);
}

lumicrop_status lumicrop_channel_init(lumicrop_channel* channel, int64_t struct_size)
{
    lumicrop_channel defaults{};
    defaults.source = LUMICROP_GIVEN;
    defaults.method = LUMICROP_FILTER;
    defaults.model = LUMICROP_ISOGAUSS;
    defaults.padding = LUMICROP_PADDING_DEFAULT;
    defaults.n_detections = -1;
    defaults.em_gain = 1;
    defaults.saturation = std::numeric_limits<double>::infinity();
    for (double* unset :
         {&defaults.pixel_y_nm, &defaults.pixel_x_nm, &defaults.gain, &defaults.qe, &defaults.psf_sigma_nm,
          &defaults.psf_sigma_x_nm, &defaults.psf_sigma_y_nm, &defaults.aperture_x_px, &defaults.aperture_y_px,
          &defaults.annulus_inner_px, &defaults.annulus_outer_px, &defaults.neighbour_radius_px})
        *unset = std::nan("");
    return fill(channel, struct_size, "channel", defaults);
}

lumicrop_status lumicrop_detections_init(lumicrop_detections* detections, int64_t struct_size)
{
    lumicrop_detections defaults{};
    defaults.origin = LUMICROP_FIRST_PIXEL;
    return fill(detections, struct_size, "detections", defaults);
}

lumicrop_status lumicrop_result_init(lumicrop_result* result, int64_t struct_size)
{
    return fill(result, struct_size, "result", lumicrop_result{});
}

} // extern "C"
