// The shared vectors: arguments that the seed was given and what it returned.
#pragma once

#include "../jobs/job.hpp"
#include "npz.hpp"

namespace test {

/// LUMICROP_TEST_ORACLE, else <data>/../oracle with <data> from LUMICROP_TEST_DATA, else beside the source tree.
std::string oracle_folder();
std::string data_folder();
bool exists(const std::string& path);

/// Names of the vectors, from index.json; empty without the folder.
std::vector<std::string> stored_case_names();

/// What the seed returned, detection by detection; NaN where it returned nothing of the kind.
struct StoredOutputs
{
    std::vector<double> intensity, background, psf_sum, denominator, border_median;
    bool has_psf_sums = false, has_border_medians = false;
};

struct StoredCase
{
    Job job;
    StoredOutputs outputs;
};

StoredCase load_case(const std::string& name);

/// The same detections with every channel counted by border-median sum.
Job as_sum(Job job);

} // namespace test
