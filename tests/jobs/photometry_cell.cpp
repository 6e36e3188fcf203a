#include "photometry_cell.hpp"

#include <algorithm>
#include <iomanip>

namespace test {

const std::vector<EstimateKind>& estimate_kinds()
{
    static const std::vector<EstimateKind> kinds = [] {
        std::vector<EstimateKind> all;
        for (lumicrop_method method :
             {LUMICROP_SUM, LUMICROP_FILTER, LUMICROP_JOINT, LUMICROP_OPTIMAL, LUMICROP_MLE, LUMICROP_APERTURE})
            for (lumicrop_background background :
                 {LUMICROP_BACKGROUND_BORDER_MEDIAN, LUMICROP_BACKGROUND_CORRECTED_MEDIAN, LUMICROP_BACKGROUND_COLUMN,
                  LUMICROP_BACKGROUND_MAP, LUMICROP_BACKGROUND_FITTED, LUMICROP_BACKGROUND_ANNULUS_MEDIAN,
                  LUMICROP_BACKGROUND_ANNULUS_MEAN, LUMICROP_BACKGROUND_ANNULUS_CLIPPED}) {
                const bool fits = background == LUMICROP_BACKGROUND_FITTED;
                const bool may_fit = method == LUMICROP_JOINT || method == LUMICROP_OPTIMAL || method == LUMICROP_MLE;
                if (fits ? may_fit : method != LUMICROP_JOINT) all.push_back({method, background});
            }
        return all;
    }();
    return kinds;
}

int levels_of(Factor factor)
{
    switch (factor) {
    case Factor::dtype: return 7;
    case Factor::estimate: return static_cast<int>(estimate_kinds().size());
    case Factor::model: return 3;
    case Factor::size: return 4;
    case Factor::padding: return 3;
    case Factor::source: return 2;
    case Factor::maps: return 6;
    case Factor::asked: return 3;
    case Factor::output: break;
    }
    return 2;
}

std::string level_name(Factor factor, int level)
{
    const auto of = [level](std::initializer_list<const char*> names) { return std::string(*(names.begin() + level)); };
    switch (factor) {
    case Factor::dtype: return name_of(static_cast<lumicrop_dtype>(LUMICROP_U8 + level));
    case Factor::estimate: {
        const char* const methods[] = {"sum", "filter", "joint", "optimal", "mle", "aperture"};
        const char* const backgrounds[] = {"median", "corrected",      "column",       "map",
                                           "fitted", "annulus_median", "annulus_mean", "annulus_clipped"};
        const EstimateKind& kind = estimate_kinds()[static_cast<size_t>(level)];
        return std::string(methods[kind.method - 1]) + "/" + backgrounds[kind.background - 1];
    }
    case Factor::model: return of({"isogauss", "gauss", "spline"});
    case Factor::size: return of({"1x1", "line", "square", "other"});
    case Factor::padding: return of({"zeros", "geometry", "none"});
    case Factor::source: return of({"given", "gathered"});
    case Factor::maps: return of({"none", "offset", "gain", "variance", "bad", "all"});
    case Factor::asked: return of({"all", "some", "one"});
    case Factor::output: break;
    }
    return of({"f32", "f64"});
}

namespace {

const char* const factor_names[] = {"dtype", "estimate", "model", "size", "padding", "source", "maps", "asked", "output"};

} // namespace

void PairCoverage::add(const PhotometryCell& cell)
{
    for (size_t a = 0; a < n_factors; ++a)
        for (size_t b = a + 1; b < n_factors; ++b) ++counts_[{static_cast<int>(a), cell[a], static_cast<int>(b), cell[b]}];
}

int PairCoverage::least() const
{
    int least = INT32_MAX;
    for (int a = 0; a < static_cast<int>(n_factors); ++a)
        for (int b = a + 1; b < static_cast<int>(n_factors); ++b)
            for (int i = 0; i < levels_of(static_cast<Factor>(a)); ++i)
                for (int j = 0; j < levels_of(static_cast<Factor>(b)); ++j) {
                    const auto found = counts_.find({a, i, b, j});
                    least = std::min(least, found == counts_.end() ? 0 : found->second);
                }
    return least;
}

void PairCoverage::print(std::ostream& out) const
{
    const auto count = [this](int a, int i, int b, int j) {
        const auto found = counts_.find({a, i, b, j});
        return found == counts_.end() ? 0 : found->second;
    };
    out << "Channels for each pair of levels: least of all pairs, by factors\n" << std::left << std::setw(10) << "";
    for (const char* name : factor_names) out << std::setw(10) << name;
    for (int a = 0; a < static_cast<int>(n_factors); ++a) {
        out << '\n' << std::setw(10) << factor_names[a];
        for (int b = 0; b < static_cast<int>(n_factors); ++b) {
            int least = INT32_MAX;
            for (int i = 0; b > a && i < levels_of(static_cast<Factor>(a)); ++i)
                for (int j = 0; j < levels_of(static_cast<Factor>(b)); ++j) least = std::min(least, count(a, i, b, j));
            out << std::setw(10) << (b > a ? std::to_string(least) : std::string());
        }
    }
    out << "\nChannels by estimate and dtype\n" << std::setw(26) << "";
    for (int j = 0; j < 7; ++j) out << std::setw(6) << level_name(Factor::dtype, j);
    for (int i = 0; i < levels_of(Factor::estimate); ++i) {
        out << '\n' << std::setw(26) << level_name(Factor::estimate, i);
        for (int j = 0; j < 7; ++j) out << std::setw(6) << count(0, j, 1, i);
    }
    out << std::endl;
}

} // namespace test
