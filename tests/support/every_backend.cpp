#include "every_backend.hpp"

#include <cstdlib>

namespace test {

lumicrop_options options_for(const Backend& backend, int64_t n_threads)
{
    lumicrop_options options;
    EXPECT_EQ(lumicrop_options_init(&options, sizeof options), LUMICROP_OK);
    options.backend = backend.backend;
    options.isa = backend.isa;
    options.n_threads = n_threads;
    return options;
}

std::vector<Backend> all_backends()
{
    const std::vector<Backend> all = {{"cpu_baseline", LUMICROP_BACKEND_CPU, LUMICROP_ISA_BASELINE},
                                      {"cpu_avx2", LUMICROP_BACKEND_CPU, LUMICROP_ISA_AVX2},
                                      {"cpu_avx512", LUMICROP_BACKEND_CPU, LUMICROP_ISA_AVX512},
                                      {"cuda", LUMICROP_BACKEND_CUDA, LUMICROP_ISA_AUTO}};
    const char* wanted = std::getenv("LUMICROP_TEST_BACKENDS");
    if (wanted == nullptr || *wanted == '\0') return all;
    std::vector<Backend> chosen;
    for (const Backend& backend : all)
        if (("," + std::string(wanted) + ",").find("," + backend.name + ",") != std::string::npos) chosen.push_back(backend);
    return chosen;
}

std::string why_unusable(const Backend& backend)
{
    lumicrop_context* context = nullptr;
    const lumicrop_options options = options_for(backend);
    const lumicrop_status status = lumicrop_context_create(&options, &context);
    lumicrop_context_destroy(context);
    if (status == LUMICROP_OK) return "";
    return std::string(lumicrop_status_name(status)) + ": " + lumicrop_last_error();
}

std::vector<Backend> usable_backends()
{
    std::vector<Backend> usable;
    for (const Backend& backend : all_backends())
        if (why_unusable(backend).empty()) usable.push_back(backend);
    return usable;
}

Context make_context(const lumicrop_options& options)
{
    lumicrop_context* context = nullptr;
    EXPECT_EQ(lumicrop_context_create(&options, &context), LUMICROP_OK) << lumicrop_last_error();
    return Context(context);
}

Context make_context(const Backend& backend, int64_t n_threads)
{
    return make_context(options_for(backend, n_threads));
}

} // namespace test
