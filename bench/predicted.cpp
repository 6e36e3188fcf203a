// lumicrop_predicted CASE N [padded|labelled]: one call of lumicrop for N crops, all arrays in device memory.
//
//   lumicrop_predicted filter/isogauss/11x11/f32 4096
//
// scripts/predicted.py runs it on the CUDA emulator, which counts what the kernels do, and divides by what had to be done:
// the JSON on stdout.
#include <cmath>
#include <iostream>

#include "case.hpp"
#include "device.hpp"
#include "program.hpp"

namespace bench {

namespace {

Content content_of(const std::string& word)
{
    if (word == "clean") return Content::clean;
    if (word == "padded") return Content::padded;
    if (word == "labelled") return Content::labelled;
    throw std::runtime_error("no content is called '" + word + "'");
}

int run(int argc, char** argv)
{
    if (argc < 3 || argc > 4) throw std::runtime_error("CASE N [padded|labelled] expected");
    const Case row = case_of(argv[1]);
    const Content content = content_of(argc == 4 ? argv[3] : "clean");
    const DeviceInfo info = device_info();
    if (!info.usable) throw std::runtime_error(info.reason);
    if (!info.emulated) throw std::runtime_error(info.name + " is no emulator, and nothing would be counted");

    const auto source = std::make_shared<const Source>(stack_of(std::stoll(argv[2]), row.side, row.dtype, content));
    Job plain(row.method, *source, source->n());
    const auto columns = static_cast<int64_t>(plain.columns().size() + plain.outputs().size());
    {
        const Stream stream = make_stream();
        lumicrop::Context context = cuda_context(stream);
        DeviceSource there(source);
        DeviceJob job(row.method, there);
        job.run(context);
        context.synchronize();
        for (const float photons : job.photons())
            if (!std::isfinite(photons)) throw std::runtime_error("photons are not finite");
    }
    // Every column holds values of four bytes.
    std::cout << "{\"crops\": " << source->n() << ", \"pixel_bytes\": " << source->crop_bytes()
              << ", \"column_bytes\": " << 4 * columns << "}\n";
    return 0;
}

} // namespace

} // namespace bench

int main(int argc, char** argv)
{
    return bench::run_program("lumicrop_predicted", bench::run, argc, argv);
}
