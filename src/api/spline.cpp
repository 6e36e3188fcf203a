#include "job/spline.hpp"
#include "api/error.hpp"

using namespace lumicrop;

extern "C" {

lumicrop_status lumicrop_spline_create(const lumicrop_array* tx, const lumicrop_array* ty, const lumicrop_array* tz,
                                       const lumicrop_array* coefficients, lumicrop_spline** spline)
{
    if (spline != nullptr) *spline = nullptr;
    return guarded([&] {
        if (spline == nullptr) refuse("spline is NULL, a place for the new spline expected");
        *spline = new lumicrop_spline(tx, ty, tz, coefficients);
    });
}

void lumicrop_spline_destroy(lumicrop_spline* spline)
{
    delete spline;
}

} // extern "C"
