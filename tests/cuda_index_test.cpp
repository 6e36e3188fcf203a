// Labels and frames in device memory, which nobody can judge before the kernel does (SPEC 6): a bad one gives NaN and a flag to
// its own detection, touches nothing else, and is reported once.
#include "jobs/kernel_jobs.hpp"
#include "jobs/labelled_job.hpp"
#include "jobs/run_job.hpp"
#include "support/cuda_test.hpp"

#include <cmath>
#include <set>

namespace {

using test::Photometry;
using test::Placement;

class CudaIndices : public test::CudaTest
{
};

using Bits = std::vector<std::string>;

/// Bits of each detection's five results.
Bits by_detection(const test::Outputs& outputs)
{
    Bits bits(outputs.flags.size());
    for (const std::vector<uint8_t>& column : outputs.bits) {
        const size_t size = column.size() / bits.size();
        for (size_t i = 0; i < bits.size(); ++i)
            bits[i].append(reinterpret_cast<const char*>(column.data()) + i * size, size);
    }
    return bits;
}

struct Written
{
    size_t detection;
    uint64_t bits; ///< as the column's own type holds them
};

/// Writes whole numbers that a double could not hold into a column of a call.
void write(test::LaidOut& call, const lumicrop_array* column, const std::vector<Written>& entries)
{
    for (const auto& mirror : call.mirrors()) {
        if (mirror->array().get() != column) continue;
        for (const Written& entry : entries) mirror->array().write_bits(static_cast<int64_t>(entry.detection), entry.bits);
        mirror->upload();
    }
}

/// Integrates, and expects exactly `bad` to be NaN and flagged, everyone else to have the bits of `wanted` in order, and the
/// report to come once.
void expect_bad(lumicrop_context* context, test::LaidOut& call, const std::set<size_t>& bad, const Bits& wanted,
                const std::string& what)
{
    ASSERT_EQ(call.integrate(context), LUMICROP_OK) << what << ": " << lumicrop_last_error();
    EXPECT_EQ(lumicrop_synchronize(context), bad.empty() ? LUMICROP_OK : LUMICROP_BAD_INDEX) << what;
    if (!bad.empty()) {
        EXPECT_STRNE(lumicrop_last_error(), "") << what;
    }
    EXPECT_EQ(lumicrop_synchronize(context), LUMICROP_OK) << what << ": reported twice";
    const test::Outputs found = call.outputs();
    EXPECT_TRUE(found.gaps_untouched) << what;
    EXPECT_TRUE(call.inputs_unchanged()) << what;
    const Bits bits = by_detection(found);
    size_t good = 0;
    for (size_t i = 0; i < bits.size(); ++i) {
        if (bad.count(i) == 0) {
            ASSERT_LT(good, wanted.size()) << what;
            ASSERT_EQ(bits[i], wanted[good++]) << what << ": detection " << i << " beside bad ones, photons "
                                               << found.photons[i] << ", flags " << found.flags[i];
            continue;
        }
        for (double value : {found.photons[i], found.background[i], found.psf_sum[i], found.denominator[i]})
            EXPECT_TRUE(std::isnan(value)) << what << ": detection " << i;
        EXPECT_EQ(found.flags[i], uint32_t{LUMICROP_FLAG_BAD_INDEX}) << what << ": detection " << i;
    }
}

/// What the others come to when the bad ones had never been asked for.
Bits without(const test::Job& job, const std::set<size_t>& bad)
{
    std::vector<int64_t> left;
    for (int64_t i = 0; i < job.n; ++i)
        if (bad.count(static_cast<size_t>(i)) == 0) left.push_back(i);
    return by_detection(test::run_job(test::cuda_context().get(), test::keep(job, left)));
}

std::vector<test::Job> parts(lumicrop_source source, size_t channels, int64_t n, uint64_t seed)
{
    std::vector<test::Job> all;
    constexpr Photometry methods[] = {Photometry::sum, Photometry::isogauss, Photometry::gauss, Photometry::spline};
    constexpr int64_t sides[] = {7, 12, 11, 34, 9};
    constexpr lumicrop_dtype dtypes[] = {LUMICROP_U16, LUMICROP_F32, LUMICROP_U8, LUMICROP_F64};
    for (size_t k = 0; k < channels; ++k) {
        const int64_t side = channels > 5 ? 5 : sides[k % 5];
        const auto kind =
            test::kind(dtypes[(k + seed) % 4], methods[(k + seed) % (channels > 5 ? 3 : 4)], LUMICROP_PADDING_ZEROS);
        all.push_back(test::plain_job(kind, side, side, n, seed + k, source));
    }
    return all;
}

constexpr lumicrop_dtype whole_types[] = {LUMICROP_U8,  LUMICROP_I8,  LUMICROP_U16, LUMICROP_I16,
                                          LUMICROP_U32, LUMICROP_I32, LUMICROP_U64, LUMICROP_I64};

/// Entries that no label may have: 0, C + 1, and the ends of the type.
std::vector<uint64_t> bad_labels(uint64_t channels)
{
    return {0,
            channels + 1,
            0x7F,
            uint64_t{0xFFFFFFFFFFFFFFFF},
            uint64_t{0x8000000000000000},
            uint64_t{0x7FFFFFFFFFFFFFFF},
            uint64_t{0x100000001},
            uint64_t{0x80000000}};
}

/// The low bytes of `bits` name a channel after all.
bool names_a_channel(lumicrop_dtype dtype, uint64_t bits, uint64_t channels)
{
    const int64_t size = test::size_of(dtype);
    const uint64_t held = size == 8 ? bits : bits & ((uint64_t{1} << (8 * size)) - 1);
    return held >= 1 && held <= channels;
}

TEST_F(CudaIndices, BadLabelsOfEveryTypeSpoilTheirOwnDetections)
{
    const test::Stream stream;
    const test::Context context = test::cuda_context(stream);
    for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED})
        for (lumicrop_dtype dtype : whole_types) {
            const test::Job job = test::labelled_job(parts(source, 3, 40, 10), dtype, 7);
            std::vector<Written> entries;
            std::set<size_t> bad;
            for (uint64_t bits : bad_labels(3)) {
                if (names_a_channel(dtype, bits, 3)) continue;
                entries.push_back({5 + 13 * bad.size(), bits});
                bad.insert(entries.back().detection);
            }
            test::LaidOut call(job, {Placement::device, 2});
            write(call, call.detections.ch, entries);
            const std::string what = std::string("labels of ") + test::name_of(dtype) + ", source " + std::to_string(source);
            expect_bad(context.get(), call, bad, without(job, bad), what);
            test::LaidOut clean(job, {Placement::device, 2});
            expect_bad(context.get(), clean, {}, without(job, {}), what + ", good ones afterwards");
        }
}

TEST_F(CudaIndices, EveryLabelMayBeBad)
{
    const test::Context context = test::cuda_context();
    test::Job job = test::labelled_job(parts(LUMICROP_GIVEN, 2, 40, 20), LUMICROP_I16, 7);
    test::LaidOut call(job, {Placement::device, 2});
    std::vector<Written> entries;
    std::set<size_t> bad;
    for (size_t i = 0; i < 80; ++i) {
        entries.push_back({i, i % 2 == 0 ? 0U : 77U});
        bad.insert(i);
    }
    write(call, call.detections.ch, entries);
    expect_bad(context.get(), call, bad, {}, "no good label");
}

TEST_F(CudaIndices, BadFramesOfEveryTypeSpoilTheirOwnDetections)
{
    const test::Stream stream;
    const test::Context context = test::cuda_context(stream);
    for (Photometry method : {Photometry::sum, Photometry::isogauss, Photometry::gauss, Photometry::spline})
        for (int64_t side : {9, 12, 34})
            for (lumicrop_dtype dtype : whole_types) {
                test::Job job =
                    test::plain_job(test::kind(LUMICROP_U16, method, LUMICROP_PADDING_GEOMETRY), side, side, 70, 3);
                job.frame = test::column(job.frame->values, dtype);
                const Bits clean = by_detection(test::run_job(context.get(), job));
                std::vector<Written> entries;
                std::set<size_t> bad;
                for (uint64_t bits : bad_labels(5)) { // frames 0 to 4 exist: 5 and 6 do not
                    const uint64_t frame = bits == 0 ? 5 : bits;
                    if (names_a_channel(dtype, frame + 1, 5)) continue;
                    entries.push_back({2 + 8 * bad.size(), frame});
                    bad.insert(entries.back().detection);
                }
                Bits wanted;
                for (size_t i = 0; i < clean.size(); ++i)
                    if (bad.count(i) == 0) wanted.push_back(clean[i]);
                test::LaidOut call(job, {Placement::device, 4});
                write(call, call.detections.frame, entries);
                expect_bad(context.get(), call, bad, wanted, job.name + ", frames of " + test::name_of(dtype));
            }
}

TEST_F(CudaIndices, SurplusDetectionsOfAChannelAreBadAndMissingOnesLeaveCropsUnused)
{
    const test::Context context = test::cuda_context();
    for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED}) {
        test::Job job = test::labelled_job(parts(source, 3, 40, 30), LUMICROP_I32, 9);
        std::vector<double>& labels = job.ch->values;
        std::vector<Written> entries;
        test::Job relabelled = job;
        for (size_t i = 0; entries.size() < 4; ++i) // four of channel 1 turn to channel 3
            if (labels[i] == 1) {
                entries.push_back({i, 3});
                relabelled.ch->values[i] = 3;
            }
        std::set<size_t> bad; // the last four of channel 3: its 41st to 44th
        for (size_t i = labels.size(); bad.size() < 4;)
            if (relabelled.ch->values[--i] == 3) bad.insert(i);
        test::LaidOut call(job, {Placement::device, 2});
        write(call, call.detections.ch, entries);
        expect_bad(context.get(), call, bad, without(relabelled, bad), "source " + std::to_string(source));
    }
}

TEST_F(CudaIndices, AnyNumberOfChannelsIsSorted)
{
    const test::Stream stream;
    const test::Context context = test::cuda_context(stream);
    for (size_t channels : {1, 2, 5, 300})
        for (lumicrop_source source : {LUMICROP_GIVEN, LUMICROP_GATHERED}) {
            const int64_t n = channels > 5 ? 2 : 70;
            test::Job job = test::labelled_job(parts(source, channels, n, 40), LUMICROP_U16, 11);
            const std::string what = std::to_string(channels) + " channels, source " + std::to_string(source);
            test::LaidOut call(job, {Placement::device, 2});
            expect_bad(context.get(), call, {}, without(job, {}), what);
            const uint64_t beyond = channels + 1;
            write(call, call.detections.ch, {{0, beyond}, {static_cast<size_t>(job.n) - 1, 0}});
            const std::set<size_t> bad = {0, static_cast<size_t>(job.n) - 1};
            expect_bad(context.get(), call, bad, without(job, bad), what + ", two bad labels");
        }
}

TEST_F(CudaIndices, LabelsAndFramesMayHaveAnyStride)
{
    const test::Context context = test::cuda_context();
    for (const test::Layout& layout :
         {test::Layout{{}, {3}, 0, 0}, test::Layout{{}, {0}, 1, 0}, test::Layout{{}, {2}, 1, 0}}) {
        test::Job job = test::labelled_job(parts(LUMICROP_GATHERED, 3, 40, 50), LUMICROP_U8, 13);
        const std::set<size_t> bad = {17, 63};
        const Bits wanted = without(job, bad);
        job.ch->layout = job.frame->layout = job.output_layout = layout;
        test::LaidOut call(job, {Placement::device, 2});
        write(call, call.detections.ch, {{17, 4}});
        write(call, call.detections.frame, {{63, 1000}});
        expect_bad(context.get(), call, bad, wanted, "strided");
    }
}

TEST_F(CudaIndices, HostOutputsHoldTheFlagsOfLabelsOnTheDevice)
{
    const test::Context context = test::cuda_context();
    const test::Job job = test::labelled_job(parts(LUMICROP_GATHERED, 3, 40, 60), LUMICROP_I64, 15);
    const std::set<size_t> bad = {3, 90};
    test::LaidOut call(job, {Placement::inputs, 2});
    write(call, call.detections.ch, {{3, 0}});
    write(call, call.detections.frame, {{90, uint64_t{0xFFFFFFFFFFFFFFFF}}});
    expect_bad(context.get(), call, bad, without(job, bad), "outputs on the host");
}

TEST_F(CudaIndices, OfSeveralQueuedCallsTheReportComesOnce)
{
    const test::Stream stream;
    const test::Context context = test::cuda_context(stream);
    const test::Job job = test::labelled_job(parts(LUMICROP_GATHERED, 2, 40, 70), LUMICROP_I32, 17);
    test::LaidOut call(job, {Placement::device, 2});
    write(call, call.detections.ch, {{3, 0}});
    for (int k = 0; k < 3; ++k) ASSERT_EQ(call.integrate(context.get()), LUMICROP_OK) << lumicrop_last_error();
    EXPECT_EQ(lumicrop_synchronize(context.get()), LUMICROP_BAD_INDEX);
    EXPECT_EQ(lumicrop_synchronize(context.get()), LUMICROP_OK);
    const test::Context other = test::cuda_context(stream);
    EXPECT_EQ(lumicrop_synchronize(other.get()), LUMICROP_OK) << "another context's report";
}

} // namespace
