// Random choices of one job; the same seed gives the same job on every machine (no std distribution is portable).
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>

namespace test {

class Chance
{
public:
    Chance(uint64_t seed, uint64_t job) : state_(seed * 0x9E3779B97F4A7C15U + job * 0xD1B54A32D192ED03U + 1) { bits(); }

    uint64_t bits() // splitmix64
    {
        uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31);
    }
    double unit() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
    double between(double low, double high) { return low + (high - low) * unit(); }
    int64_t whole(int64_t low, int64_t high)
    {
        return low + static_cast<int64_t>(bits() % static_cast<uint64_t>(high - low + 1));
    }
    bool happens(double probability) { return unit() < probability; }
    double normal() // sum of twelve: no tails beyond 6, and none are needed
    {
        double sum = -6;
        for (int i = 0; i < 12; ++i) sum += unit();
        return sum;
    }
    template <class Type>
    Type one_of(std::initializer_list<Type> choices)
    {
        return *(choices.begin() + bits() % choices.size());
    }

private:
    uint64_t state_;
};

} // namespace test
