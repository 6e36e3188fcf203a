#!/usr/bin/env python3
"""Fit the polynomials of src/math/error_function.hpp (needs mpmath) and print them with their error.

erf(x) = x P(x^2) for |x| <= 1, and erfc(x) = exp(-x^2) Q((x - K) / (x + K)) for 1 <= x <= limit; both as
Chebyshev interpolants (near-minimax) turned into powers at 60 digits.
"""
import mpmath as mp

mp.mp.dps = 60
K = mp.mpf(2)


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


def show(name, coefficients, digits):
    print(f"// {name}")
    print(", ".join(mp.nstr(c, digits) for c in reversed(coefficients)))


def main():
    for real, small, tail, limit, digits in (("float", 6, 9, 10, 10), ("double", 12, 21, 27, 18)):
        erf_over_x = lambda s: mp.erf(mp.sqrt(s)) / mp.sqrt(s) if s else 2 / mp.sqrt(mp.pi)
        p = chebyshev_to_powers(erf_over_x, mp.mpf(0), mp.mpf("1.01"), small)
        show(f"{real}: P, relative error {mp.nstr(worst(erf_over_x, lambda s: mp.polyval(p[::-1], s), mp.mpf(0), mp.mpf(1)), 3)}", p, digits)
        scaled = lambda t: (lambda x: mp.exp(x * x) * mp.erfc(x))(K * (1 + t) / (1 - t))
        low, high = (mp.mpf("0.9") - K) / (mp.mpf("0.9") + K), (limit - K) / (limit + K)
        q = chebyshev_to_powers(scaled, low, high, tail)
        show(f"{real}: Q, relative error {mp.nstr(worst(scaled, lambda t: mp.polyval(q[::-1], t), low, high), 3)}", q, digits)


if __name__ == "__main__":
    main()
