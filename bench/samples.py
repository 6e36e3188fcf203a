"""Samples of what is measured, taken until they agree: the same rule as in row.cpp."""

import statistics
import time
from collections.abc import Callable

SETTLED = 0.05  # spread of samples that agree
FEWEST = 3
LEAST_SAMPLE_SECONDS = 2e-3  # of calls that are shorter, many make a sample


def spread(values: list) -> float:
    """The middle half of the values, over their median."""
    if len(values) < 2:
        return 0.0
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / median


def until_settled(sample: Callable[[], tuple], least: int = 7, seconds: float = 8.0) -> list[tuple]:
    """Samples, at least so many, until the spread of their first numbers is small, or so many seconds are gone."""
    began = time.perf_counter()
    samples: list[tuple] = []
    while len(samples) < min(least, FEWEST) or (
        time.perf_counter() - began < seconds and (len(samples) < least or spread([taken[0] for taken in samples]) > SETTLED)
    ):
        samples.append(sample())
    return samples


def seconds_of(call: Callable, calls: int = 1) -> float:
    """That one call takes."""
    began = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - began) / calls


def calls_of_sample(call: Callable) -> int:
    """As many calls as make a sample; they warm up."""
    calls = 1
    while calls * seconds_of(call, calls) < LEAST_SAMPLE_SECONDS:
        calls *= 2
    return calls
