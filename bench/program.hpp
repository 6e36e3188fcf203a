// What every program here does around its work.
#ifndef LUMICROP_BENCH_PROGRAM_HPP
#define LUMICROP_BENCH_PROGRAM_HPP

#include <exception>
#include <iostream>

namespace bench {

/// The exit status of `run`; what it throws becomes a line on stderr and the status 1.
inline int run_program(const char* name, int (*run)(int, char**), int argc, char** argv)
{
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << name << ": " << error.what() << '\n';
        return 1;
    }
}

} // namespace bench

#endif
