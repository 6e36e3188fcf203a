// lumicrop for C++17: ownership and exceptions over the C ABI, nothing else. Units, shapes and rules are in lumicrop.h.
#ifndef LUMICROP_LUMICROP_HPP
#define LUMICROP_LUMICROP_HPP

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "lumicrop/lumicrop.h"

namespace lumicrop {

/// A call that failed: its status, and the library's own text as what().
class Error : public std::runtime_error
{
public:
    Error(lumicrop_status status, const std::string& text) : std::runtime_error(text), status_(status) {}
    lumicrop_status status() const noexcept { return status_; }

private:
    lumicrop_status status_;
};

/// Throws Error unless `status` is LUMICROP_OK.
inline void check(lumicrop_status status)
{
    if (status != LUMICROP_OK) throw Error(status, lumicrop_last_error());
}

/// The dtype of an element type.
template <class T>
constexpr lumicrop_dtype dtype_of()
{
    using Element = std::remove_cv_t<T>;
    static_assert(std::is_arithmetic_v<Element> && !std::is_same_v<Element, bool>, "no lumicrop dtype");
    if constexpr (std::is_floating_point_v<Element>) {
        static_assert(sizeof(Element) == 4 || sizeof(Element) == 8, "float or double expected");
        return sizeof(Element) == 4 ? LUMICROP_F32 : LUMICROP_F64;
    } else if constexpr (std::is_signed_v<Element>) {
        return sizeof(Element) == 1   ? LUMICROP_I8
               : sizeof(Element) == 2 ? LUMICROP_I16
               : sizeof(Element) == 4 ? LUMICROP_I32
                                      : LUMICROP_I64;
    } else {
        return sizeof(Element) == 1   ? LUMICROP_U8
               : sizeof(Element) == 2 ? LUMICROP_U16
               : sizeof(Element) == 4 ? LUMICROP_U32
                                      : LUMICROP_U64;
    }
}

/// A C-contiguous host array of `shape`, which the caller keeps alive. Set strides and memory afterwards where they differ.
template <class T>
lumicrop_array array(T* data, std::initializer_list<int64_t> shape)
{
    lumicrop_array made;
    check(lumicrop_array_init(&made, sizeof made, const_cast<std::remove_cv_t<T>*>(data), dtype_of<T>(),
                              static_cast<int64_t>(shape.size()), shape.begin()));
    return made;
}

/// A vector as a column.
template <class T>
lumicrop_array column(const std::vector<T>& values)
{
    return array(values.data(), {static_cast<int64_t>(values.size())});
}

/// Structs with their defaults.
inline lumicrop_options options()
{
    lumicrop_options made;
    check(lumicrop_options_init(&made, sizeof made));
    return made;
}
inline lumicrop_channel channel()
{
    lumicrop_channel made;
    check(lumicrop_channel_init(&made, sizeof made));
    return made;
}
inline lumicrop_detections detections(int64_t n)
{
    lumicrop_detections made;
    check(lumicrop_detections_init(&made, sizeof made));
    made.n = n;
    return made;
}
inline lumicrop_result result()
{
    lumicrop_result made;
    check(lumicrop_result_init(&made, sizeof made));
    return made;
}

/// A B-spline PSF, owned.
class Spline
{
public:
    Spline(const lumicrop_array& tx, const lumicrop_array& ty, const lumicrop_array& tz, const lumicrop_array& coefficients)
    {
        lumicrop_spline* made = nullptr;
        check(lumicrop_spline_create(&tx, &ty, &tz, &coefficients, &made));
        spline_.reset(made);
    }
    const lumicrop_spline* get() const noexcept { return spline_.get(); }

private:
    struct Destroy
    {
        void operator()(lumicrop_spline* spline) const noexcept { lumicrop_spline_destroy(spline); }
    };
    std::unique_ptr<lumicrop_spline, Destroy> spline_;
};

/// A context, owned. One host thread at a time.
class Context
{
public:
    Context() : Context(options()) {}
    explicit Context(const lumicrop_options& options)
    {
        lumicrop_context* made = nullptr;
        check(lumicrop_context_create(&options, &made));
        context_.reset(made);
    }

    /// Photons of every detection of every channel: lumicrop_integrate.
    void integrate(const lumicrop_channel* channels, int64_t n_channels, const lumicrop_detections& detections,
                   const lumicrop_result& result)
    {
        check(lumicrop_integrate(context_.get(), channels, n_channels, &detections, &result));
    }
    void integrate(const std::vector<lumicrop_channel>& channels, const lumicrop_detections& detections,
                   const lumicrop_result& result)
    {
        integrate(channels.data(), static_cast<int64_t>(channels.size()), detections, result);
    }

    /// Device memory that these arguments take where all arrays live on the device: lumicrop_workspace_bytes.
    int64_t workspace_bytes(const std::vector<lumicrop_channel>& channels, const lumicrop_detections& detections,
                            const lumicrop_result& result)
    {
        int64_t bytes = 0;
        check(lumicrop_workspace_bytes(context_.get(), channels.data(), static_cast<int64_t>(channels.size()), &detections,
                                       &result, &bytes));
        return bytes;
    }

    /// Waits for queued work and throws the first deferred failure.
    void synchronize() { check(lumicrop_synchronize(context_.get())); }

    lumicrop_context_info info() const
    {
        lumicrop_context_info known;
        check(lumicrop_context_info_init(&known, sizeof known));
        check(lumicrop_context_query(context_.get(), &known));
        return known;
    }
    lumicrop_context* get() const noexcept { return context_.get(); }

private:
    struct Destroy
    {
        void operator()(lumicrop_context* context) const noexcept { lumicrop_context_destroy(context); }
    };
    std::unique_ptr<lumicrop_context, Destroy> context_;
};

} // namespace lumicrop

#endif
