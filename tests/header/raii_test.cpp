// lumicrop.hpp: ownership and exceptions over the C ABI.
#include <lumicrop/lumicrop.hpp>

#include <gtest/gtest.h>

#include <type_traits>
#include <vector>

TEST(Raii, CountsAndThrowsWithStatusAndText)
{
    std::vector<uint16_t> crop = {10, 10, 10, 10, 260, 10, 10, 10, 10};
    std::vector<double> photons(1);
    std::vector<uint32_t> flags(1, 77);
    const lumicrop_array images = lumicrop::array(crop.data(), {1, 3, 3});
    const lumicrop_array photon_column = lumicrop::column(photons);
    const lumicrop_array flag_column = lumicrop::column(flags);
    lumicrop_channel channel = lumicrop::channel();
    channel.images = &images;
    channel.method = LUMICROP_SUM;
    channel.gain = 0.5;
    channel.qe = 0.8;
    lumicrop_result result = lumicrop::result();
    result.photons = &photon_column;
    result.flags = &flag_column;

    lumicrop::Context context;
    context.integrate({channel}, lumicrop::detections(1), result);
    context.synchronize();
    EXPECT_NEAR(photons[0], 250 * 0.5 / 0.8, 4e-6 * 250 * 0.5 / 0.8); // SPEC 7 with sum|crop - b| = 250
    EXPECT_EQ(flags[0], 0U);
    EXPECT_STRNE(context.info().reason, "");
    EXPECT_EQ(context.workspace_bytes({channel}, lumicrop::detections(1), result), 0); // no labels, no large crops

    channel.gain = -1;
    try {
        context.integrate({channel}, lumicrop::detections(1), result);
        FAIL() << "a negative gain was accepted";
    } catch (const lumicrop::Error& error) {
        EXPECT_EQ(error.status(), LUMICROP_INVALID_ARGUMENT);
        EXPECT_NE(std::string(error.what()).find("gain"), std::string::npos) << error.what();
    }
}

TEST(Raii, MovesAndDoesNotCopy)
{
    static_assert(std::is_move_constructible_v<lumicrop::Context> && !std::is_copy_constructible_v<lumicrop::Context>);
    static_assert(std::is_move_constructible_v<lumicrop::Spline> && !std::is_copy_constructible_v<lumicrop::Spline>);
    lumicrop::Context first;
    const lumicrop::Context second = std::move(first);
    EXPECT_EQ(first.get(), nullptr);
    EXPECT_NE(second.get(), nullptr);
}

TEST(Raii, OwnsSplines)
{
    const std::vector<double> knots = {0, 1, 2, 3, 4, 5, 6, 7};
    const std::vector<float> coefficients(64, 1);
    const lumicrop_array t = lumicrop::column(knots);
    const lumicrop::Spline spline(t, t, t, lumicrop::array(coefficients.data(), {4, 4, 4}));
    EXPECT_NE(spline.get(), nullptr);
    EXPECT_THROW(lumicrop::Spline(t, t, t, t), lumicrop::Error);
}

TEST(Raii, KnowsTheTypeOfEveryElement)
{
    static_assert(lumicrop::dtype_of<const uint8_t>() == LUMICROP_U8 && lumicrop::dtype_of<int8_t>() == LUMICROP_I8);
    static_assert(lumicrop::dtype_of<uint16_t>() == LUMICROP_U16 && lumicrop::dtype_of<int16_t>() == LUMICROP_I16);
    static_assert(lumicrop::dtype_of<uint32_t>() == LUMICROP_U32 && lumicrop::dtype_of<int32_t>() == LUMICROP_I32);
    static_assert(lumicrop::dtype_of<uint64_t>() == LUMICROP_U64 && lumicrop::dtype_of<int64_t>() == LUMICROP_I64);
    static_assert(lumicrop::dtype_of<float>() == LUMICROP_F32 && lumicrop::dtype_of<double>() == LUMICROP_F64);
}
