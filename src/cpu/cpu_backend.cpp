#include <omp.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "backend.hpp"
#include "cpu/fork.hpp"
#include "cpu/kernels.hpp"
#include "job/neighbours.hpp"

namespace lumicrop {
namespace cpu {
namespace {

const Kernels& kernels_of(lumicrop_isa isa)
{
#if defined(LUMICROP_X86_64)
    if (isa == LUMICROP_ISA_AVX512) return kAvx512Kernels;
    if (isa == LUMICROP_ISA_AVX2) return kAvx2Kernels;
#endif
    (void)isa;
    return kBaselineKernels;
}

/// One thread's memory, which grows and stays.
class ThreadMemory
{
public:
    std::byte* at_least(std::size_t bytes)
    {
        if (bytes > size_) {
            // Whole cache lines, so that no two threads share one.
            auto* const piece = static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
            if (piece == nullptr) throw std::bad_alloc();
            memory_.reset(piece);
            size_ = bytes;
        }
        return memory_.get();
    }

private:
    struct Free
    {
        void operator()(std::byte* piece) const { std::free(piece); }
    };
    std::unique_ptr<std::byte, Free> memory_;
    std::size_t size_ = 0;
};

/// Detections of one channel that one thread computes at a time.
constexpr int64_t kPieceBlocks = 64;

/// Pixels that a further thread must find to be worth waking: some 20 microseconds of work.
constexpr int64_t kThreadPixels = 32768;

class CpuBackend final : public Backend
{
public:
    CpuBackend(lumicrop_isa isa, int64_t n_threads, const Progress& progress)
        : progress_(progress), isa_(isa == LUMICROP_ISA_AUTO ? best_isa() : isa),
          n_threads_(n_threads == 0 ? automatic_threads() : n_threads), memories_(static_cast<std::size_t>(n_threads_))
    {
    }

    BackendFacts facts() const override { return {LUMICROP_BACKEND_CPU, isa_, is_forked_child() ? 1 : n_threads_, -1}; }

    void check_place(const void*, bool on_device, const std::string& name) const override
    {
        if (on_device) refuse(name + " lies in device memory, which the CPU backend cannot reach", LUMICROP_UNSUPPORTED);
    }

    void integrate(const Job& job) override
    {
        int64_t done = 0;
        for (const Channel& given : job.channels) {
            const Neighbours neighbours(job, given, job.detections);
            Channel channel = given;
            channel.neighbours = neighbours.table();
            const int64_t chunk = chunk_of(channel);
            for (int64_t begin = 0; begin < channel.n; begin += chunk) {
                if (done > 0) progress_.tell(done, job.n);
                const int64_t end = std::min(channel.n, begin + chunk);
                integrate_chunk(job, channel, begin, end);
                done += end - begin;
            }
        }
        progress_.tell(done, job.n);
    }

    int64_t workspace_bytes(const Job&) override { return 0; }

    lumicrop_status synchronize() override { return LUMICROP_OK; }

private:
    /// Detections between two calls of the progress callback: some milliseconds of work.
    int64_t chunk_of(const Channel& channel) const
    {
        if (!progress_) return std::max<int64_t>(channel.n, 1);
        constexpr int64_t kPixels = int64_t{1} << 24, kWholeBlocks = 64;
        const int64_t crops = kPixels / (channel.height * channel.width);
        return std::max(crops / kWholeBlocks, int64_t{1}) * kWholeBlocks;
    }

    /// Detections `begin` to `end` of the channel; `begin` is a whole number of blocks.
    void integrate_chunk(const Job& job, const Channel& channel, int64_t begin, int64_t end)
    {
        const Kernels& kernels = kernels_of(isa_);
        const int64_t lanes = kernels.lanes(channel);
        const int64_t n = end - begin;
        const int64_t n_blocks = (n + lanes - 1) / lanes;
        const int64_t n_pixels = n * channel.height * channel.width;
        const int64_t n_worth = std::clamp<int64_t>(n_pixels / kThreadPixels, 1, n_blocks);
        const int64_t n_threads = is_forked_child() ? 1 : std::min(n_threads_, n_worth);
        // Small pieces keep the threads busy to the end, large ones keep the counter quiet.
        const int64_t piece_blocks = std::clamp<int64_t>(n_blocks / (8 * n_threads), 1, kPieceBlocks);
        const int64_t piece = piece_blocks * lanes;
        const int64_t n_pieces = (n + piece - 1) / piece;
        const std::size_t bytes = kernels.workspace_bytes(channel);
        std::byte* workspaces[1024];
        for (int64_t thread = 0; thread < n_threads; ++thread)
            workspaces[thread] = memories_[static_cast<std::size_t>(thread)].at_least(bytes);

        const auto compute = [&](int64_t i, std::byte* workspace) {
            kernels.integrate(job, channel, begin + i * piece, std::min(end, begin + (i + 1) * piece), workspace);
        };
        if (n_threads == 1) {
            for (int64_t i = 0; i < n_pieces; ++i) compute(i, workspaces[0]);
            return;
        }
#pragma omp parallel for num_threads(static_cast <int>(n_threads)) schedule(dynamic, 1)
        for (int64_t i = 0; i < n_pieces; ++i) compute(i, workspaces[omp_get_thread_num()]);
    }

    const Progress progress_;
    const lumicrop_isa isa_;
    const int64_t n_threads_;
    std::vector<ThreadMemory> memories_;
};

} // namespace

std::unique_ptr<Backend> make_backend(lumicrop_isa isa, int64_t n_threads, const Progress& progress)
{
    return std::make_unique<CpuBackend>(isa, n_threads, progress);
}

} // namespace cpu
} // namespace lumicrop
