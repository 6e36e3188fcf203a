// Splines whose knots step with the pixels, as those of PSF models do: backends let all pixels of a crop share their weights then.
#include "jobs/chance.hpp"
#include "jobs/expected.hpp"
#include "jobs/plain_job.hpp"
#include "support/every_backend.hpp"

#include <cmath>

namespace {

using test::Chance;

constexpr uint64_t seed = 90;

struct Knots
{
    double step;     // of the knots; pixels are 100 nm wide
    int64_t n;       // points that the spline goes through
    bool not_a_knot; // the second and last but one carry no knot; else even throughout
    double jitter;   // of every knot [steps]
};

/// Knots about 0.
std::vector<double> knots_of(Chance& chance, const Knots& kind)
{
    const auto point = [&](int64_t i) { return kind.step * static_cast<double>(i - kind.n / 2); };
    std::vector<double> made;
    if (kind.not_a_knot) made.insert(made.end(), 4, point(0));
    for (int64_t i = kind.not_a_knot ? 2 : -2; i < kind.n + (kind.not_a_knot ? -2 : 2); ++i)
        made.push_back(point(i) + kind.jitter * kind.step * chance.between(-1, 1));
    if (kind.not_a_knot) made.insert(made.end(), 4, point(kind.n - 1));
    return made;
}

/// A round spot with noise that no neighbour shares, so that a wrong column, row or weight shows.
std::shared_ptr<const test::SplineInput> spline_of(Chance& chance, const Knots& x, const Knots& y)
{
    auto made = std::make_shared<test::SplineInput>();
    made->values.tx = knots_of(chance, x);
    made->values.ty = knots_of(chance, y);
    made->values.tz = knots_of(chance, {50, 25, true, 0});
    const auto sites = [](const std::vector<double>& knots) { return static_cast<int64_t>(knots.size()) - 4; };
    for (int64_t iz = 0; iz < sites(made->values.tz); ++iz)
        for (int64_t iy = 0; iy < sites(made->values.ty); ++iy)
            for (int64_t ix = 0; ix < sites(made->values.tx); ++ix) {
                const auto at = [](const std::vector<double>& knots, int64_t i) {
                    return knots[static_cast<size_t>(i) + 2];
                };
                const double u = at(made->values.tx, ix) / 130, v = at(made->values.ty, iy) / 150;
                made->values.coefficients.push_back(std::exp(-0.5 * (u * u + v * v)) + 0.02 * chance.unit());
            }
    return made;
}

test::Job job_of(Chance& chance, int64_t side, lumicrop_dtype dtype, lumicrop_padding padding, const Knots& x,
                 const Knots& y, int64_t n, lumicrop_source source)
{
    test::Job job =
        test::plain_job(test::kind(dtype, test::Photometry::spline, padding), side, side, n, chance.bits(), source);
    job.channels[0].spline = spline_of(chance, x, y);
    job.name += ", knots " + std::to_string(x.step) + " (" + std::to_string(x.n) + ") and " + std::to_string(y.step) + " (" +
                std::to_string(y.n) + ") apart";
    // Most crops stand among even knots; some reach the ends, or lie outside in x, y or z.
    for (size_t i = 0; i < job.x_fit->values.size(); ++i) {
        if (chance.happens(0.1)) job.x_fit->values[i] = test::as_held(job.x_fit->dtype, job.x_fit->values[i] + 700);
        if (chance.happens(0.1)) job.y_fit->values[i] = test::as_held(job.y_fit->dtype, job.y_fit->values[i] - 500);
        if (chance.happens(0.05)) job.z_fit->values[i] = test::as_held(job.z_fit->dtype, 601 + chance.unit());
        if (chance.happens(0.03)) job.x_fit->values[i] = std::nan("");
    }
    return job;
}

class EvenSplines : public test::EveryBackend
{
protected:
    template <class Check>
    void for_each_job(int64_t n, Check check)
    {
        constexpr lumicrop_dtype dtypes[] = {LUMICROP_U16, LUMICROP_F32, LUMICROP_U8, LUMICROP_I16};
        constexpr lumicrop_padding paddings[] = {LUMICROP_PADDING_ZEROS, LUMICROP_PADDING_GEOMETRY, LUMICROP_PADDING_NONE};
        const Knots kinds[] = {
            {100, 25, true, 0},     {100, 27, false, 0}, {100, 61, false, 0},   {100, 40, true, 0},
            {100, 24, false, 1e-9}, {50, 40, false, 0},  {100, 30, false, 0.2}, {100.001, 27, false, 0},
        };
        Chance chance(seed, 0);
        size_t k = 0;
        for (int64_t side : {7, 9, 11, 13, 15})
            for (const Knots& x : kinds) {
                const Knots& y = chance.happens(0.6) ? kinds[k % 4] : kinds[chance.whole(0, 7)];
                const lumicrop_source source = k % 2 == 0 ? LUMICROP_GATHERED : LUMICROP_GIVEN;
                check(job_of(chance, side, dtypes[(k + k / 4) % 4], paddings[k % 3], x, y, n, source));
                ++k;
            }
    }
};

TEST_P(EvenSplines, AgreeWithTheOracleWhereverTheKnotsStopBeingEven)
{
    const test::Context context = test::make_context(GetParam());
    for_each_job(test::takes_less(GetParam()) ? 20 : 70, [&](const test::Job& job) {
        EXPECT_TRUE(test::agrees(job, test::expect(job), test::run_job(context.get(), job), GetParam().name));
    });
}

TEST_P(EvenSplines, NeighboursInTheBatchDoNotChangeABit)
{
    const test::Context context = test::make_context(GetParam());
    for_each_job(40, [&](const test::Job& job) {
        const test::Outputs whole = test::run_job(context.get(), job);
        Chance chance(seed, static_cast<uint64_t>(job.channels[0].height));
        for (int64_t size : {1, 3, 34}) {
            std::vector<int64_t> chosen;
            for (int64_t k = 0; k < size; ++k) chosen.push_back(chance.whole(0, job.n - 1));
            const test::Outputs part = test::run_job(context.get(), test::only(job, chosen));
            for (int64_t k = 0; k < size; ++k)
                for (size_t column = 0; column < whole.bits.size(); ++column) {
                    const auto bytes = static_cast<int64_t>(whole.bits[column].size()) / job.n;
                    const auto begin = [&](const test::Outputs& of, int64_t i) {
                        return of.bits[column].begin() + i * bytes;
                    };
                    const int64_t there = chosen[static_cast<size_t>(k)];
                    EXPECT_TRUE(std::equal(begin(part, k), begin(part, k + 1), begin(whole, there)))
                        << job.name << ": detection " << there << " at place " << k << " of " << size << ", column "
                        << column;
                }
        }
    });
}

LUMICROP_ON_EVERY_BACKEND(EvenSplines);

} // namespace
