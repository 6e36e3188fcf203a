// Images that end, or begin, at a page that nobody may read: a vector load that reaches one element too far faults.
#include "jobs/as_given.hpp"
#include "jobs/expected.hpp"
#include "jobs/plain_job.hpp"
#include "support/every_backend.hpp"

#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace {

using test::Photometry;

/// Pages with an unreadable one before and behind.
class GuardedPages
{
public:
    explicit GuardedPages(size_t bytes)
        : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))), inner_((bytes + page_ - 1) / page_ * page_)
    {
        void* all = mmap(nullptr, inner_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        EXPECT_NE(all, MAP_FAILED);
        all_ = static_cast<unsigned char*>(all);
        EXPECT_EQ(mprotect(all_ + page_, inner_, PROT_READ | PROT_WRITE), 0);
    }
    ~GuardedPages() { munmap(all_, inner_ + 2 * page_); }
    GuardedPages(const GuardedPages&) = delete;
    GuardedPages& operator=(const GuardedPages&) = delete;
    unsigned char* begin() { return all_ + page_; }
    unsigned char* end() { return all_ + page_ + inner_; }

private:
    size_t page_, inner_;
    unsigned char* all_ = nullptr;
};

/// Copies a contiguous array to the end (or the beginning) of guarded pages and lets the description point there.
class Guarded
{
public:
    Guarded(const lumicrop_array& array, bool at_the_end) : array_(array), pages_(size_of(array))
    {
        unsigned char* to = at_the_end ? pages_.end() - size_of(array) : pages_.begin();
        if (size_of(array) > 0) std::memcpy(to, array.data, size_of(array));
        array_.data = to;
    }
    const lumicrop_array* get() const { return &array_; }

private:
    static size_t size_of(const lumicrop_array& array)
    {
        int64_t bytes = test::size_of(array.dtype);
        for (int64_t axis = 0; axis < array.ndim; ++axis) bytes *= array.shape[axis];
        return static_cast<size_t>(bytes);
    }
    lumicrop_array array_;
    GuardedPages pages_;
};

class GuardedMemory : public test::EveryBackend
{
};

/// Runs the job with images and all columns in guarded pages; the results must be those of plain memory.
void check(lumicrop_context* context, const test::Job& job)
{
    const test::Outputs plain = test::run_job(context, job);
    for (bool at_the_end : {true, false}) {
        test::LaidOut call(job);
        const Guarded images(*call.channels[0].images, at_the_end);
        call.channels[0].images = images.get();
        std::vector<std::unique_ptr<Guarded>> columns;
        for (auto column :
             {&lumicrop_detections::frame, &lumicrop_detections::X0, &lumicrop_detections::Y0, &lumicrop_detections::x_fit,
              &lumicrop_detections::y_fit, &lumicrop_detections::os_fit, &lumicrop_detections::sigma_fit,
              &lumicrop_detections::sigma_x_fit, &lumicrop_detections::sigma_angle, &lumicrop_detections::z_fit}) {
            if (call.detections.*column == nullptr) continue;
            columns.push_back(std::make_unique<Guarded>(*(call.detections.*column), at_the_end));
            call.detections.*column = columns.back()->get();
        }
        ASSERT_EQ(call.integrate(context), LUMICROP_OK) << job.name << ": " << lumicrop_last_error();
        ASSERT_TRUE(test::same_bits(call.outputs().bits, plain.bits)) << job.name;
    }
}

TEST_P(GuardedMemory, NoReadReachesBeyondTheImagesOrTheColumns)
{
    const test::Context context = test::make_context(GetParam(), 1);
    uint64_t seed = 100;
    for (Photometry method : {Photometry::sum, Photometry::isogauss, Photometry::gauss, Photometry::spline})
        for (lumicrop_dtype dtype :
             {LUMICROP_U8, LUMICROP_U16, LUMICROP_I16, LUMICROP_U32, LUMICROP_I32, LUMICROP_F32, LUMICROP_F64})
            for (int64_t size = 1; size <= 17; ++size) {
                const auto padding = seed % 2 == 0 ? LUMICROP_PADDING_NONE : LUMICROP_PADDING_ZEROS;
                const int64_t height = seed % 5 == 0 ? 3 : size;
                test::Job job = test::plain_job(test::kind(dtype, method, padding), height, size,
                                                1 + static_cast<int64_t>(seed % 19), seed);
                ++seed;
                job.frame->values.back() = static_cast<double>(job.channels[0].n_frames - 1); // the movie's very last pixel
                job.X0->values.back() = static_cast<double>(job.channels[0].frame_width - size);
                job.Y0->values.back() = static_cast<double>(job.channels[0].frame_height - height);
                job.frame->values.front() = job.n == 1 ? job.frame->values.front() : 0; // and its first
                if (job.n > 1) job.X0->values.front() = job.Y0->values.front() = 0;
                check(context.get(), job);
                check(context.get(), test::as_given(job));
                if (HasFatalFailure()) return;
            }
}

TEST_P(GuardedMemory, AMovieOfExactlyOneCropIsReadNoFurther)
{
    const test::Context context = test::make_context(GetParam(), 1);
    for (lumicrop_dtype dtype : {LUMICROP_U8, LUMICROP_U16, LUMICROP_F32, LUMICROP_F64})
        for (int64_t size = 1; size <= 17; ++size) {
            test::Job job =
                test::plain_job(test::kind(dtype, Photometry::sum, LUMICROP_PADDING_GEOMETRY), size, size, 33, 7);
            test::ChannelInput& movie = job.channels[0];
            movie.n_frames = 1;
            movie.frame_height = movie.frame_width = size;
            movie.pixels.resize(static_cast<size_t>(size * size));
            for (int64_t i = 0; i < job.n; ++i) {
                job.frame->values[static_cast<size_t>(i)] = 0;
                job.X0->values[static_cast<size_t>(i)] = static_cast<double>(i % (2 * size + 1) - size);
                job.Y0->values[static_cast<size_t>(i)] = static_cast<double>(i % (size + 2) - size);
            }
            check(context.get(), job);
            if (HasFatalFailure()) return;
        }
}

LUMICROP_ON_EVERY_BACKEND(GuardedMemory);

} // namespace
