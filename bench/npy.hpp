// Arrays as NumPy reads them: the same crops for those who have no C++.
#ifndef LUMICROP_BENCH_NPY_HPP
#define LUMICROP_BENCH_NPY_HPP

#include <filesystem>

#include "lumicrop/lumicrop.h"

namespace bench {

/// Writes a C-contiguous host array of U16, I32, F32 or F64 as .npy.
void write_npy(const std::filesystem::path& path, const lumicrop_array& array);

} // namespace bench

#endif
