// No temporary of the size of the stack: working memory below 1 MiB a thread, and byte offsets of 64 bits.
#include "support/every_backend.hpp"
#include "support/typed_array.hpp"

#include <cstdio>
#include <fstream>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool own_memory_only = false; // a sanitizer's shadow counts as resident
#else
constexpr bool own_memory_only = true;
#endif

/// A line such as "VmHWM:  1234 kB" of /proc/self/status, in bytes; -1 without it.
int64_t status_bytes(const std::string& key)
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.rfind(key, 0) == 0) return 1024 * std::stoll(line.substr(key.size() + 1));
    return -1;
}

bool forget_the_peak()
{
    std::ofstream clear("/proc/self/clear_refs");
    return clear && (clear << "5" << std::flush);
}

lumicrop_channel sum_channel(const lumicrop_array& images)
{
    lumicrop_channel channel;
    EXPECT_EQ(lumicrop_channel_init(&channel, sizeof channel), LUMICROP_OK);
    channel.images = &images;
    channel.method = LUMICROP_SUM;
    channel.gain = channel.qe = 1;
    return channel;
}

lumicrop_array host_array(void* data, lumicrop_dtype dtype, std::vector<int64_t> shape)
{
    lumicrop_array array;
    EXPECT_EQ(lumicrop_array_init(&array, sizeof array, data, dtype, static_cast<int64_t>(shape.size()), shape.data()),
              LUMICROP_OK);
    return array;
}

class Memory : public test::EveryBackend
{
};

TEST_P(Memory, ACallOnABigStackNeedsLessThanAMebibyteAThread)
{
    if (!own_memory_only) GTEST_SKIP() << "sanitizers have memory of their own";
    if (GetParam().backend != LUMICROP_BACKEND_CPU) GTEST_SKIP() << "a matter of the CPU backend";
    constexpr int64_t n = 300000;
    constexpr int64_t threads = 2;
    std::vector<uint16_t> crops(n * 11 * 11);
    for (size_t i = 0; i < crops.size(); ++i) crops[i] = static_cast<uint16_t>(100 + i * 2654435761U % 57);
    std::vector<float> photons(n, 1);
    std::vector<float> position(n, 500);
    const lumicrop_array images = host_array(crops.data(), LUMICROP_U16, {n, 11, 11});
    const lumicrop_array column = host_array(photons.data(), LUMICROP_F32, {n});
    const lumicrop_array fitted = host_array(position.data(), LUMICROP_F32, {n});
    std::vector<int32_t> zeros(n, 0);
    const lumicrop_array origin = host_array(zeros.data(), LUMICROP_I32, {n});
    lumicrop_channel channel = sum_channel(images);
    channel.pixel_x_nm = channel.pixel_y_nm = 100;
    channel.psf_sigma_nm = channel.psf_sigma_x_nm = channel.psf_sigma_y_nm = 120;
    lumicrop_detections detections;
    ASSERT_EQ(lumicrop_detections_init(&detections, sizeof detections), LUMICROP_OK);
    detections.n = n;
    detections.X0 = detections.Y0 = &origin;
    detections.x_fit = detections.y_fit = detections.os_fit = &fitted;
    lumicrop_result result;
    ASSERT_EQ(lumicrop_result_init(&result, sizeof result), LUMICROP_OK);
    result.photons = &column;
    const test::Context context = test::make_context(GetParam(), threads);
    for (lumicrop_method method : {LUMICROP_SUM, LUMICROP_FILTER}) {
        channel.method = method;
        ASSERT_EQ(lumicrop_integrate(context.get(), &channel, 1, &detections, &result), LUMICROP_OK)
            << lumicrop_last_error();                                        // threads start
        const test::Context fresh = test::make_context(GetParam(), threads); // its workspace is still to come
        if (!forget_the_peak()) GTEST_SKIP() << "the kernel does not let the peak be reset";
        const int64_t before = status_bytes("VmRSS:");
        ASSERT_EQ(lumicrop_integrate(fresh.get(), &channel, 1, &detections, &result), LUMICROP_OK) << lumicrop_last_error();
        const int64_t extra = status_bytes("VmHWM:") - before;
        constexpr int64_t accounting = 1 << 20; // the kernel counts resident pages in batches, per thread
        EXPECT_LT(extra, threads * (1 << 20) + accounting)
            << "of a stack of " << crops.size() * 2 << " bytes, method " << method;
    }
}

TEST_P(Memory, CropsAreGatheredBeyondTheFirstFourGigabytes)
{
    if (!own_memory_only || sizeof(void*) < 8) GTEST_SKIP() << "needs a sparse mapping of 5 GB";
    constexpr int64_t frames = 640;
    constexpr int64_t side = 2048;
    constexpr size_t bytes = static_cast<size_t>(frames) * side * side * 2; // untouched pages cost nothing
    void* movie = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (movie == MAP_FAILED) GTEST_SKIP() << "no 5 GB of addresses";
    auto* pixels = static_cast<uint16_t*>(movie);
    uint16_t* last = pixels + (static_cast<size_t>(frames - 1) * side + side - 3) * side + side - 3;
    for (int row = 0; row < 3; ++row)
        for (int column = 0; column < 3; ++column) last[row * side + column] = row == 1 && column == 1 ? 1007 : 7;
    const lumicrop_array images = host_array(movie, LUMICROP_U16, {frames, side, side});
    int64_t frame = frames - 1;
    int32_t origin = side - 3;
    double photons = 0;
    const lumicrop_array frame_column = host_array(&frame, LUMICROP_I64, {1});
    const lumicrop_array origin_column = host_array(&origin, LUMICROP_I32, {1});
    const lumicrop_array photon_column = host_array(&photons, LUMICROP_F64, {1});
    lumicrop_channel channel = sum_channel(images);
    channel.source = LUMICROP_GATHERED;
    channel.crop_height = channel.crop_width = 3;
    lumicrop_detections detections;
    ASSERT_EQ(lumicrop_detections_init(&detections, sizeof detections), LUMICROP_OK);
    detections.n = 1;
    detections.frame = &frame_column;
    detections.X0 = detections.Y0 = &origin_column;
    lumicrop_result result;
    ASSERT_EQ(lumicrop_result_init(&result, sizeof result), LUMICROP_OK);
    result.photons = &photon_column;
    const test::Context context = test::make_context(GetParam());
    EXPECT_EQ(lumicrop_integrate(context.get(), &channel, 1, &detections, &result), LUMICROP_OK) << lumicrop_last_error();
    EXPECT_EQ(photons, 1000);
    munmap(movie, bytes);
}

/// In a child whose address space may hardly grow, an order of 2^27 detections cannot be had.
int status_under_a_limit(const test::Backend& backend)
{
    constexpr int64_t n = int64_t{1} << 27;
    const test::Context context = test::make_context(backend, 1);
    uint8_t pixel = 5;
    uint8_t label = 2;
    lumicrop_array crops = host_array(&pixel, LUMICROP_U8, {n, 1, 1});
    crops.strides[0] = 0;
    lumicrop_array none = host_array(nullptr, LUMICROP_U8, {0, 1, 1});
    lumicrop_array labels = host_array(&label, LUMICROP_U8, {n});
    labels.strides[0] = 0;
    void* flags = mmap(nullptr, n * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const lumicrop_array flag_column = host_array(flags, LUMICROP_U32, {n});
    const lumicrop_channel channels[] = {sum_channel(none), sum_channel(crops)};
    lumicrop_detections detections;
    lumicrop_detections_init(&detections, sizeof detections);
    detections.n = n;
    detections.ch = &labels;
    lumicrop_result result;
    lumicrop_result_init(&result, sizeof result);
    result.flags = &flag_column;
    const int64_t in_use = status_bytes("VmSize:");
    const rlimit limit{static_cast<rlim_t>(in_use + (64 << 20)), static_cast<rlim_t>(in_use + (64 << 20))};
    if (setrlimit(RLIMIT_AS, &limit) != 0) return 100;
    return lumicrop_integrate(context.get(), channels, 2, &detections, &result);
}

TEST_P(Memory, ThatCannotBeHadIsAStatusAndNoCrash)
{
    if (!own_memory_only) GTEST_SKIP() << "sanitizers do not stand a limit";
    if (GetParam().name != "cpu_baseline") GTEST_SKIP() << "the same code on every instruction set";
    const pid_t child = fork();
    if (child == 0) _exit(status_under_a_limit(GetParam()));
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    if (WEXITSTATUS(status) == LUMICROP_OK) GTEST_SKIP() << "the order of detections needs no memory here";
    EXPECT_EQ(WEXITSTATUS(status), LUMICROP_OUT_OF_MEMORY);
}

LUMICROP_ON_EVERY_BACKEND(Memory);

} // namespace
