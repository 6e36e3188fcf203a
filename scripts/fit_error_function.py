#!/usr/bin/env python3
"""Fit the polynomials of src/math/error_function.hpp (needs mpmath) and print them with their error.

    erfc(x) = exp(-x^2) Q((x - K) / (x + K)) for 0 <= x <= limit
    2^-r for -1/2 <= r <= 1/2

Q and the float64 power are Chebyshev interpolants (near-minimax), turned into powers at 60 digits; the float32 power, whose relative error is
larger than its rounding, is the minimax polynomial among those with the constant 1.
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


def fit(what, f, low, high, degree, digits):
    q = chebyshev_to_powers(f, low, high, degree)
    print(f"// {what}: relative error {mp.nstr(worst(f, lambda t: mp.polyval(q[::-1], t), low, high), 3)}")
    print(", ".join(mp.nstr(c, digits) for c in reversed(q)))


def minimax_power(degree, digits):
    """2^-r = 1 + c1 r + ... with the least largest relative error, by Lawson's reweighted least squares."""
    points = [mp.mpf(i) / 400 for i in range(-200, 201) if i != 0]
    rows = [[x**k * mp.mpf(2) ** x for k in range(1, degree + 1)] for x in points]
    wanted = [1 - mp.mpf(2) ** x for x in points]
    weights = [mp.mpf(1) / len(points)] * len(points)
    for _ in range(100):
        normal = mp.matrix(degree, degree)
        right = mp.matrix(degree, 1)
        for weight, row, value in zip(weights, rows, wanted):
            for i in range(degree):
                right[i] += weight * row[i] * value
                for j in range(degree):
                    normal[i, j] += weight * row[i] * row[j]
        c = list(mp.lu_solve(normal, right))
        errors = [abs(mp.fdot(row, c) - value) for row, value in zip(rows, wanted)]
        weights = [weight * error for weight, error in zip(weights, errors)]
        total = mp.fsum(weights)
        weights = [weight / total for weight in weights]
    print(f"// float, 2^-r with the constant 1: relative error {mp.nstr(max(errors), 3)}")
    print(", ".join(mp.nstr(x, digits) for x in c[::-1]) + ", 1")


def main():
    for real, k, degree, limit, digits in (("float", mp.mpf(3), 10, mp.mpf("9.3"), 10), ("double", mp.mpf("3.75"), 22, mp.mpf(27), 18)):

        def scaled(t):
            x = k * (1 + t) / (1 - t)
            return mp.exp(x * x) * mp.erfc(x)

        fit(f"{real}, Q with K {mp.nstr(k, 4)}", scaled, mp.mpf(-1), (limit - k) / (limit + k), degree, digits)
    minimax_power(5, 10)
    fit("double, 2^-r", lambda r: mp.mpf(2) ** -r, -mp.mpf(1) / 2, mp.mpf(1) / 2, 11, 18)


if __name__ == "__main__":
    main()
