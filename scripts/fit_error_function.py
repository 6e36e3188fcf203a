#!/usr/bin/env python3
"""Fit the polynomials of src/math/error_function.hpp (needs mpmath) and print them with their error.

erfc(x) = exp(-x^2) Q((x - K) / (x + K)) for 0 <= x <= limit: the Chebyshev interpolant of Q (near-minimax), turned into
powers at 60 digits.
"""
import mpmath as mp

mp.mp.dps = 60


def chebyshev_to_powers(f, low, high, degree):
    """Coefficients, lowest first, of the Chebyshev interpolant of f over [low, high] in the variable itself."""
    n = degree + 1
    nodes = [mp.cos(mp.pi * (i + mp.mpf(1) / 2) / n) for i in range(n)]
    values = [f((low + high) / 2 + (high - low) / 2 * t) for t in nodes]
    cheb = [2 * mp.fsum(v * mp.cos(j * mp.acos(t)) for v, t in zip(values, nodes)) / n for j in range(n)]
    cheb[0] /= 2
    basis = [[mp.mpf(1)], [mp.mpf(0), mp.mpf(1)]]
    while len(basis) < n:
        twice = [mp.mpf(0)] + [2 * c for c in basis[-1]]
        basis.append([a - b for a, b in zip(twice, basis[-2] + [mp.mpf(0)] * 2)])
    powers = [mp.fsum(cheb[j] * basis[j][i] for j in range(n) if i < len(basis[j])) for i in range(n)]
    shifted = [mp.mpf(0)] * n  # t = scale * x + shift
    scale, shift = 2 / (high - low), -(high + low) / (high - low)
    for i, c in enumerate(powers):
        for j in range(i + 1):
            shifted[j] += c * mp.binomial(i, j) * scale**j * shift ** (i - j)
    return shifted


def worst(f, g, low, high):
    points = [low + (high - low) * mp.mpf(i) / 2000 for i in range(1, 2001)]
    return max(abs(g(x) / f(x) - 1) for x in points)


def main():
    for real, k, degree, limit, digits in (("float", mp.mpf(3), 10, mp.mpf("9.3"), 10), ("double", mp.mpf("3.75"), 22, mp.mpf(27), 18)):

        def scaled(t):
            x = k * (1 + t) / (1 - t)
            return mp.exp(x * x) * mp.erfc(x)

        low, high = mp.mpf(-1), (limit - k) / (limit + k)
        q = chebyshev_to_powers(scaled, low, high, degree)
        error = worst(scaled, lambda t: mp.polyval(q[::-1], t), low, high)
        print(f"// {real}: K {mp.nstr(k, 4)}, relative error {mp.nstr(error, 3)}")
        print(", ".join(mp.nstr(c, digits) for c in reversed(q)))


if __name__ == "__main__":
    main()
