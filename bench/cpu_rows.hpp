// Rows of the CPU backend.
#ifndef LUMICROP_BENCH_CPU_ROWS_HPP
#define LUMICROP_BENCH_CPU_ROWS_HPP

#include "lumicrop/lumicrop.hpp"
#include "row.hpp"

namespace bench {

const char* name_of_isa(lumicrop_isa isa);

/// "/isa:avx2" and the like in a row's name; "" where lumicrop chooses.
std::string name_of_isa_asked(lumicrop_isa isa);

/// A context on the CPU; 0 threads: all.
lumicrop::Context cpu_context(int threads = 0, lumicrop_isa isa = LUMICROP_ISA_AUTO);

void register_cpu_rows(const Plan& plan);

} // namespace bench

#endif
