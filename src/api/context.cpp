#include "api/context.hpp"

#include <cstdlib>
#include <cstring>

#include "api/error.hpp"
#include "job/struct_size.hpp"

namespace lumicrop {
namespace {

constexpr int64_t kMostThreads = 1024;

const char* isa_name(lumicrop_isa isa)
{
    switch (isa) {
    case LUMICROP_ISA_AVX2: return "AVX2";
    case LUMICROP_ISA_AVX512: return "AVX-512";
    default: return "the baseline";
    }
}

lumicrop_options checked_options(const lumicrop_options* given)
{
    lumicrop_options options;
    lumicrop_options_init(&options, sizeof options);
    if (given != nullptr) options = adopted(given, "options", options);
    if (options.backend < LUMICROP_BACKEND_AUTO || options.backend > LUMICROP_BACKEND_CUDA)
        refuse("options: backend is " + std::to_string(options.backend) +
               ", LUMICROP_BACKEND_AUTO (0), _CPU (1) or _CUDA (2) expected");
    if (options.isa < LUMICROP_ISA_AUTO || options.isa > LUMICROP_ISA_AVX512)
        refuse("options: isa is " + std::to_string(options.isa) +
               ", LUMICROP_ISA_AUTO (0), _BASELINE (1), _AVX2 (2) or _AVX512 (3) expected");
    if (options.n_threads < 0 || options.n_threads > kMostThreads)
        refuse("options: n_threads is " + std::to_string(options.n_threads) + ", 0 (automatic) to " +
               std::to_string(kMostThreads) + " expected");
    if (options.device < -1)
        refuse("options: device is " + std::to_string(options.device) + ", -1 (the current one) or more expected");
    if (options.memory_budget < 0)
        refuse("options: memory_budget is " + std::to_string(options.memory_budget) +
               ", 0 (automatic) or a number of bytes expected");
    if (options.workspace_bytes < 0)
        refuse("options: workspace_bytes is " + std::to_string(options.workspace_bytes) + ", 0 or more expected");
    if (options.reserved != 0) refuse("options: reserved is " + std::to_string(options.reserved) + ", 0 expected");
    return options;
}

/// What a context shall use, and why.
struct Choice
{
    lumicrop_backend backend;
    std::string reason;
};

Choice choice_of(lumicrop_backend asked)
{
    if (asked == LUMICROP_BACKEND_CPU) return {asked, "the CPU was asked for"};
    if (asked == LUMICROP_BACKEND_CUDA) return {asked, "a GPU was asked for"};
    const char* const named = std::getenv("LUMICROP_BACKEND");
    const std::string forced = named == nullptr ? "" : named;
    if (forced == "cpu") return {LUMICROP_BACKEND_CPU, "LUMICROP_BACKEND=cpu is set in the environment"};
    if (forced == "cuda") return {LUMICROP_BACKEND_CUDA, "LUMICROP_BACKEND=cuda is set in the environment"};
    if (!forced.empty() && forced != "auto") refuse("LUMICROP_BACKEND is " + forced + ", cpu, cuda or auto expected");
    const cuda::Availability gpu = cuda::availability();
    return {gpu.status == LUMICROP_OK ? LUMICROP_BACKEND_CUDA : LUMICROP_BACKEND_CPU, gpu.reason};
}

std::unique_ptr<lumicrop_context> make_context(const lumicrop_options& options)
{
    auto context = std::make_unique<lumicrop_context>();
    const Choice choice = choice_of(options.backend);
    context->reason = choice.reason;
    if (choice.backend == LUMICROP_BACKEND_CUDA) {
        context->backend = cuda::make_backend(options);
        return context;
    }
    for (const auto& [name, pointer] : {std::pair{"stream", options.stream}, std::pair{"workspace", options.workspace}})
        if (pointer != nullptr)
            refuse(std::string("options: ") + name + " is set, but the CPU backend has none: NULL expected (" +
                   choice.reason + ")");
    if (!cpu::has_isa(options.isa) && options.isa != LUMICROP_ISA_AUTO)
        refuse(std::string("options: isa is ") + isa_name(options.isa) +
                   ", which this processor or build lacks; the best here is " + isa_name(cpu::best_isa()),
               LUMICROP_UNSUPPORTED);
    context->backend = cpu::make_backend(options.isa, options.n_threads, Progress(options.progress, options.progress_data));
    return context;
}

template <std::size_t kSize>
void copy_text(char (&to)[kSize], const std::string& text)
{
    std::strncpy(to, text.c_str(), kSize - 1);
    to[kSize - 1] = '\0';
}

/// Checks that `info` is initialised and hands `describe` a whole struct to fill; writes what the caller has room for.
template <class Info, class Describe>
void answer(Info* info, const char* name, Describe describe)
{
    Info known = adopted(info, name, Info{});
    const int64_t size = known.struct_size;
    describe(known);
    known.struct_size = size;
    const auto own = static_cast<int64_t>(sizeof(Info));
    std::memcpy(static_cast<void*>(info), &known, static_cast<std::size_t>(size < own ? size : own));
}

} // namespace
} // namespace lumicrop

using namespace lumicrop;

extern "C" {

lumicrop_status lumicrop_backend_query(lumicrop_backend backend, lumicrop_backend_info* info)
{
    return guarded([&] {
        if (backend != LUMICROP_BACKEND_CPU && backend != LUMICROP_BACKEND_CUDA)
            refuse("backend is " + std::to_string(backend) +
                   ", LUMICROP_BACKEND_CPU (1) or LUMICROP_BACKEND_CUDA (2) expected");
        answer(info, "info", [&](lumicrop_backend_info& known) {
            known.backend = backend;
            if (backend == LUMICROP_BACKEND_CUDA) {
                const cuda::Availability gpu = cuda::availability();
                known.compiled_in = gpu.compiled_in;
                known.found = gpu.n_devices > 0;
                known.usable = gpu.status == LUMICROP_OK;
                known.n_devices = gpu.n_devices;
                copy_text(known.reason, gpu.reason);
                return;
            }
            known.compiled_in = known.found = known.usable = known.n_devices = 1;
            known.isa = cpu::best_isa();
            known.n_threads = cpu::automatic_threads();
            copy_text(known.reason, std::string("OpenMP with ") + isa_name(known.isa) + " instructions");
        });
    });
}

lumicrop_status lumicrop_context_create(const lumicrop_options* options, lumicrop_context** context)
{
    if (context != nullptr) *context = nullptr;
    return guarded([&] {
        if (context == nullptr) refuse("context is NULL, a place for the new context expected");
        *context = make_context(checked_options(options)).release();
    });
}

void lumicrop_context_destroy(lumicrop_context* context)
{
    delete context;
}

lumicrop_status lumicrop_context_query(const lumicrop_context* context, lumicrop_context_info* info)
{
    return guarded([&] {
        if (context == nullptr) refuse("context is NULL, a context expected");
        answer(info, "info", [&](lumicrop_context_info& known) {
            const BackendFacts facts = context->backend->facts();
            known.backend = facts.backend;
            known.isa = facts.isa;
            known.n_threads = facts.n_threads;
            known.device = facts.device;
            copy_text(known.reason, context->reason);
        });
    });
}

lumicrop_status lumicrop_synchronize(lumicrop_context* context)
{
    lumicrop_status deferred = LUMICROP_OK;
    const lumicrop_status status = guarded([&] {
        if (context == nullptr) refuse("context is NULL, a context expected");
        deferred = context->backend->synchronize();
    });
    return status != LUMICROP_OK ? status : deferred;
}

} // extern "C"
