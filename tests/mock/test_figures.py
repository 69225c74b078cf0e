"""The arithmetic of a load, against distributions whose figures are known."""

from __future__ import annotations

import math
from itertools import islice, pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.figures import Observation, histogram, latencies, percentile, series, spread
from mock_server.traffic import arrivals

durations = st.lists(st.floats(0.0001, 100), min_size=1, max_size=200)


def observed(intended: float, heard: float | None, *, accepted: bool = True) -> Observation:
    return Observation(intended, intended + 0.5, accepted, intended + 1, heard)


@given(durations, st.floats(0, 1))
def test_percentiles_are_those_of_numpy(values: list[float], share: float) -> None:
    assert percentile(sorted(values), share) == pytest.approx(np.percentile(values, share * 100))


def test_percentiles_of_an_exponential_distribution_are_where_theory_has_them() -> None:
    random = Random(1)
    found = spread(random.expovariate(10) for _ in range(100_000))
    for figure, share in ((found.p50, 0.5), (found.p90, 0.9), (found.p95, 0.95), (found.p99, 0.99)):
        assert figure == pytest.approx(-math.log(1 - share) / 10, rel=0.03)
    assert found.mean == pytest.approx(0.1, rel=0.02)
    assert found.count == 100_000


def test_without_any_duration_there_is_no_figure() -> None:
    found = spread([])
    assert (found.count, found.p50, found.max, found.mean) == (0, None, None, None)
    assert histogram([]) == []


@given(durations)
def test_every_duration_is_in_exactly_the_bar_that_says_so(values: list[float]) -> None:
    bars = histogram(values)
    assert sum(bar.count for bar in bars) == len(values)
    assert all(earlier.end == pytest.approx(later.start) for earlier, later in pairwise(bars))
    for bar in bars:
        inside = sum(bar.start * (1 + 1e-9) < value < bar.end * (1 - 1e-9) for value in values)
        around = sum(bar.start * (1 - 1e-9) <= value <= bar.end * (1 + 1e-9) for value in values)
        assert inside <= bar.count <= around


def test_latency_counts_from_the_wish_to_speak_and_not_from_when_the_generator_got_to_it() -> None:
    assert latencies([observed(10.0, 12.0), observed(10.0, None)]) == [2.0]


def test_a_pause_of_the_daemon_is_in_the_figures_of_all_who_wanted_to_speak_meanwhile() -> None:
    """A closed loop would have sent one message in the pause and called the other nine fast."""
    pause = [observed(second / 10, 1.0) for second in range(10)]
    found = spread(latencies(pause))
    assert found.max == pytest.approx(1.0)
    assert found.p50 == pytest.approx(0.55)


def test_what_happened_is_told_for_each_second_without_gaps() -> None:
    seen = [
        observed(100.2, 100.4),
        observed(100.9, 103.1),
        observed(103.0, None),
        observed(103.5, None, accepted=False),
    ]
    seconds = series(seen, begin=100.0)
    assert [(second.at, second.said, second.answered) for second in seconds] == [
        (0, 2, 1),
        (1, 0, 0),
        (2, 0, 0),
        (3, 2, 1),
    ]
    assert [(second.refused, second.unanswered) for second in seconds] == [(0, 0), (0, 0), (0, 0), (1, 1)]
    assert seconds[0].p50 == pytest.approx((0.2 + 2.2) / 2)
    assert seconds[1].p50 is None


def test_arrivals_are_a_poisson_process() -> None:
    times = list(islice(arrivals(Random(1), rate=50), 100_000))
    gaps = np.diff(times)
    assert times[-1] / len(times) == pytest.approx(1 / 50, rel=0.02)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.02), "of an exponential distribution both are equal"
    counts = np.bincount(np.array(times, dtype=int))[:-1]
    assert counts.var() == pytest.approx(counts.mean(), rel=0.1), "of a Poisson distribution both are equal"


def test_a_ramp_rises_evenly_to_the_rate_and_stays_there() -> None:
    times = np.array(list(islice(arrivals(Random(1), rate=1000, ramp=20), 40_000)))
    counts = np.bincount(times.astype(int))
    # In second n of the ramp the rate is (n + 1/2) / 20 of what it will be.
    for second in (2, 10, 18):
        assert counts[second] == pytest.approx(1000 * (second + 0.5) / 20, rel=0.15)
    assert counts[22:30].mean() == pytest.approx(1000, rel=0.03)
    assert list(times) == sorted(times)
