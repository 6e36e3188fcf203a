"""Neighbours are counted as the rule reads, whatever the crowd."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from movie_files import UNHURRIED

from lumicrop.crop_window import neighbours_within


def plainly(frame, x, y, size):
    """Every pair, one by one: same frame, closer than half a crop along both axes."""
    near = (np.abs(x[:, None] - x) < size[1] / 2) & (np.abs(y[:, None] - y) < size[0] / 2)
    return (near & (frame[:, None] == frame)).sum(axis=1) - 1


@UNHURRIED
@given(
    st.integers(0, 60),
    st.integers(1, 4),
    st.tuples(st.integers(1, 13), st.integers(1, 13)),
    st.sampled_from([0.5, 0.013]),
    st.integers(0, 2**32),
)
def test_neighbours_are_those_that_the_rule_names(n, n_frames, size, grid, seed):
    """Positions on a grid of half pixels meet the limit exactly: there they are no neighbours."""
    random = np.random.default_rng(seed)
    frame = random.integers(0, n_frames, n)
    x, y = (np.round(random.uniform(-0.5, 25, n) / grid) * grid for _ in "xy")
    counts = neighbours_within(frame, x, y, size)
    assert counts.dtype == np.uint16
    np.testing.assert_array_equal(counts, plainly(frame, x, y, size))


def test_many_pairs_are_taken_a_part_at_a_time():
    random = np.random.default_rng(3)
    frame, x, y = np.zeros(2500, int), random.uniform(0, 6, 2500), random.uniform(0, 6, 2500)
    np.testing.assert_array_equal(neighbours_within(frame, x, y, (9, 9)), plainly(frame, x, y, (9, 9)))


@pytest.mark.parametrize("order", ["sorted", "shuffled"])
def test_the_order_of_detections_does_not_matter(order):
    random = np.random.default_rng(4)
    frame = np.repeat(np.arange(5000), 20) + 10**9
    x, y = random.uniform(0, 100, frame.size), random.uniform(0, 80, frame.size)
    shuffled = random.permutation(frame.size)
    expected = neighbours_within(frame, x, y, (7, 9))
    np.testing.assert_array_equal(
        neighbours_within(frame[shuffled], x[shuffled], y[shuffled], (7, 9)), expected[shuffled]
    )
    assert 0.1 < expected.mean() < 0.4  # 19 others on 8,000 px, 63 px to hit
