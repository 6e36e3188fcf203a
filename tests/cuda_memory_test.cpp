// Host arrays on their way through a GPU's memory: budgets, inputs larger than the GPU, and arrays that are not where they say.
#include "jobs/kernel_jobs.hpp"
#include "jobs/run_job.hpp"
#include "support/cuda_test.hpp"

#include <map>

namespace {

using test::Photometry;
using test::Placement;

class CudaMemory : public test::CudaTest
{
};

test::Context context_with_budget(int64_t bytes)
{
    lumicrop_options options = test::cuda_options();
    options.memory_budget = bytes;
    return test::make_context(options);
}

TEST_F(CudaMemory, AnyBudgetThatIsEnoughGivesTheSameBits)
{
    for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED})
        for (const test::Job& job : test::kernel_jobs(100, 300, source)) {
            const std::vector<std::vector<uint8_t>> wanted = test::run_job(test::cuda_context().get(), job).bits;
            int enough = 0;
            for (int64_t budget : {16 << 10, 100000, 1 << 20, 64 << 20}) {
                const test::Context context = context_with_budget(budget);
                test::LaidOut call(job);
                const lumicrop_status status = call.integrate(context.get());
                if (status == LUMICROP_OUT_OF_MEMORY && budget < 1 << 20) {
                    EXPECT_TRUE(call.outputs_untouched()) << job.name;
                    EXPECT_EQ(enough, 0) << job.name << ": less was enough before";
                    continue;
                }
                ASSERT_EQ(status, LUMICROP_OK) << job.name << " with " << budget << " bytes: " << lumicrop_last_error();
                ++enough;
                EXPECT_TRUE(test::same_bits(call.outputs().bits, wanted)) << job.name << " with " << budget << " bytes";
            }
        }
}

TEST_F(CudaMemory, ABudgetTooSmallForOneCropIsRefusedWithBothNumbers)
{
    for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED}) {
        const test::Context context = context_with_budget(1000);
        const test::Job job =
            test::plain_job(test::kind(LUMICROP_F64, Photometry::sum, LUMICROP_PADDING_NONE), 64, 64, 3, 5, source);
        test::LaidOut call(job);
        EXPECT_EQ(call.integrate(context.get()), LUMICROP_OUT_OF_MEMORY);
        EXPECT_NE(std::string(lumicrop_last_error()).find("1000"), std::string::npos) << lumicrop_last_error();
        EXPECT_TRUE(call.outputs_untouched());
        EXPECT_EQ(lumicrop_synchronize(context.get()), LUMICROP_OK) << lumicrop_last_error();
        test::run_job(context.get(), job, {Placement::device, 1}); // device arrays need no budget
    }
}

/// Bytes of this GPU, or 0 where they are too many to be exceeded in a test.
int64_t small_device_bytes()
{
    size_t free = 0;
    size_t total = 0;
    test::must(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    return total <= size_t{256} << 20 ? static_cast<int64_t>(total) : 0;
}

TEST_F(CudaMemory, AStackLargerThanTheGpuIsCountedToItsEnd)
{
    const int64_t device = small_device_bytes();
    if (device == 0) GTEST_SKIP() << "this GPU is too large to be exceeded (the emulator's size: CUEMU_MEMORY)";
    const test::Job pattern =
        test::plain_job(test::kind(LUMICROP_U16, Photometry::sum, LUMICROP_PADDING_ZEROS), 11, 11, 97, 5, LUMICROP_GIVEN);
    const test::Outputs wanted = test::run_job(test::cuda_context().get(), pattern);
    constexpr int64_t crop = 11 * 11;
    const int64_t n = (device + device / 4) / (crop * 2);
    std::vector<uint16_t> crops(static_cast<size_t>(n * crop));
    for (size_t i = 0; i < crops.size(); ++i) crops[i] = static_cast<uint16_t>(pattern.channels[0].pixels[i % (97 * crop)]);
    std::vector<double> photons(static_cast<size_t>(n), -1);
    test::LaidOut call(pattern);
    lumicrop_array images;
    lumicrop_array column;
    const int64_t shape[] = {n, 11, 11};
    ASSERT_EQ(lumicrop_array_init(&images, sizeof images, crops.data(), LUMICROP_U16, 3, shape), LUMICROP_OK);
    ASSERT_EQ(lumicrop_array_init(&column, sizeof column, photons.data(), LUMICROP_F64, 1, shape), LUMICROP_OK);
    call.channels[0].images = &images;
    ASSERT_EQ(lumicrop_detections_init(&call.detections, sizeof call.detections), LUMICROP_OK);
    call.detections.n = n;
    ASSERT_EQ(lumicrop_result_init(&call.result, sizeof call.result), LUMICROP_OK);
    call.result.photons = &column;
    const test::Context context = test::cuda_context();
    ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << lumicrop_last_error();
    for (size_t i = 0; i < photons.size(); ++i) ASSERT_EQ(photons[i], wanted.photons[i % 97]) << "detection " << i;
}

TEST_F(CudaMemory, AMovieLargerThanTheGpuIsGatheredFrom)
{
    const int64_t device = small_device_bytes();
    if (device == 0) GTEST_SKIP() << "this GPU is too large to be exceeded (the emulator's size: CUEMU_MEMORY)";
    test::Job job = test::plain_job(test::kind(LUMICROP_U16, Photometry::isogauss, LUMICROP_PADDING_GEOMETRY), 9, 9, 400, 6);
    const test::Outputs wanted = test::run_job(test::cuda_context().get(), job);
    // The same frames far apart in a movie of which nothing else is looked at: frame k becomes frame k * apart.
    const int64_t frame = job.channels[0].frame_height * job.channels[0].frame_width;
    const int64_t apart = (device + device / 4) / (4 * frame * 2) + 1;
    std::vector<uint16_t> movie(static_cast<size_t>((4 * apart + 1) * frame), 60000);
    for (int64_t k = 0; k < 5; ++k)
        for (int64_t i = 0; i < frame; ++i)
            movie[static_cast<size_t>(k * apart * frame + i)] =
                static_cast<uint16_t>(job.channels[0].pixels[static_cast<size_t>(k * frame + i)]);
    for (double& number : job.frame->values) number *= static_cast<double>(apart);
    test::LaidOut call(job);
    lumicrop_array images;
    const int64_t shape[] = {4 * apart + 1, job.channels[0].frame_height, job.channels[0].frame_width};
    ASSERT_EQ(lumicrop_array_init(&images, sizeof images, movie.data(), LUMICROP_U16, 3, shape), LUMICROP_OK);
    call.channels[0].images = &images;
    const test::Context context = test::cuda_context();
    ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << lumicrop_last_error();
    EXPECT_TRUE(test::same_bits(call.outputs().bits, wanted.bits));
}

/// The arrays of a call by the names that a message would use.
std::map<std::string, lumicrop_array*> arrays_of(test::LaidOut& call)
{
    const auto edit = [](const lumicrop_array* array) { return const_cast<lumicrop_array*>(array); }; // the call's own
    return {{"images", edit(call.channels[0].images)},
            {"frame", edit(call.detections.frame)},
            {"X0", edit(call.detections.X0)},
            {"x_fit", edit(call.detections.x_fit)},
            {"sigma_fit", edit(call.detections.sigma_fit)},
            {"photons", edit(call.result.photons)},
            {"flags", edit(call.result.flags)}};
}

test::Job isogauss_job()
{
    return test::plain_job(test::kind(LUMICROP_U16, Photometry::isogauss, LUMICROP_PADDING_GEOMETRY), 9, 9, 40, 7);
}

TEST_F(CudaMemory, AnArrayThatIsNotOnTheDeviceItIsSaidToBeOnIsRefusedByName)
{
    const test::Context context = test::cuda_context();
    for (Placement::Where where : {Placement::host, Placement::device})
        for (const char* name : {"images", "frame", "X0", "x_fit", "sigma_fit", "photons", "flags"}) {
            test::LaidOut call(isogauss_job(), {where, 1});
            test::LaidOut host(isogauss_job());
            lumicrop_array* const array = arrays_of(call).at(name);
            array->data = arrays_of(host).at(name)->data; // the host's memory
            array->memory = LUMICROP_DEVICE;
            EXPECT_EQ(call.integrate(context.get()), LUMICROP_INVALID_ARGUMENT) << name;
            EXPECT_NE(std::string(lumicrop_last_error()).find(name), std::string::npos) << lumicrop_last_error();
            EXPECT_TRUE(host.outputs_untouched()) << name;
            EXPECT_TRUE(call.outputs_untouched()) << name;
            EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "an error was left behind for the caller";
        }
    test::run_job(context.get(), isogauss_job(), {Placement::device, 2});
}

TEST_F(CudaMemory, AHostArrayThatLiesOnTheDeviceIsRefusedByName)
{
    const test::Context context = test::cuda_context();
    for (Placement::Where where : {Placement::device, Placement::mixed})
        for (const char* name : {"images", "frame", "X0", "x_fit", "sigma_fit", "photons", "flags"}) {
            test::LaidOut call(isogauss_job(), {where, 1});
            lumicrop_array* const array = arrays_of(call).at(name);
            if (array->memory != LUMICROP_DEVICE) continue;
            array->memory = LUMICROP_HOST;
            EXPECT_EQ(call.integrate(context.get()), LUMICROP_INVALID_ARGUMENT) << name;
            EXPECT_NE(std::string(lumicrop_last_error()).find(name), std::string::npos) << lumicrop_last_error();
            array->memory = LUMICROP_DEVICE;
            EXPECT_TRUE(call.outputs_untouched()) << name;
        }
}

TEST_F(CudaMemory, ManagedMemoryIsDeviceMemoryAndPinnedMemoryIsHostMemory)
{
    const test::Context context = test::cuda_context();
    const test::Job job = isogauss_job();
    const std::vector<std::vector<uint8_t>> wanted = test::run_job(context.get(), job).bits;
    for (bool managed : {true, false}) {
        test::LaidOut call(job);
        lumicrop_array& images = *arrays_of(call).at("images");
        const auto bytes = static_cast<size_t>(images.shape[0] * images.strides[0]);
        void* other = nullptr;
        test::must(managed ? cudaMallocManaged(&other, bytes) : cudaMallocHost(&other, bytes), "an allocation");
        std::copy_n(static_cast<const uint8_t*>(images.data), bytes, static_cast<uint8_t*>(other));
        images.data = other;
        images.memory = managed ? LUMICROP_DEVICE : LUMICROP_HOST;
        EXPECT_EQ(call.integrate(context.get()), LUMICROP_OK) << lumicrop_last_error();
        EXPECT_TRUE(test::same_bits(call.outputs().bits, wanted)) << (managed ? "managed" : "pinned");
        test::must(managed ? cudaFree(other) : cudaFreeHost(other), "a free");
    }
}

TEST_F(CudaMemory, EveryPlacementOfEveryKindOfJobGivesTheSameBits)
{
    const test::Context context = test::cuda_context();
    for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED})
        for (const test::Job& job : test::kernel_jobs(70, 400, source)) {
            const std::vector<std::vector<uint8_t>> wanted = test::run_job(context.get(), job).bits;
            for (Placement::Where where : {Placement::device, Placement::inputs, Placement::outputs})
                EXPECT_TRUE(test::same_bits(test::run_job(context.get(), job, {where, 3}).bits, wanted))
                    << job.name << ", placement " << where;
            for (uint64_t seed : {1, 2, 3})
                EXPECT_TRUE(test::same_bits(test::run_job(context.get(), job, {Placement::mixed, seed}).bits, wanted))
                    << job.name;
        }
}

} // namespace
