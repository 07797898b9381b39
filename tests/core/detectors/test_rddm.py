"""RDDM against its published procedure, written out over plain lists."""

from __future__ import annotations

import math

import numpy as np
import pytest

from driftwatch.detectors import RDDM


def published(stream, min_n, warns, drifts, longest, stable, limit):
    """Barros et al. (2017), algorithm 1: the predictions that count are kept as a list, and rates are taken anew."""
    said, kept, warned_at, after, begun_again = [], [], None, None, False
    rate, n, best = 1.0, 0, (math.inf, math.inf)

    def spread(p, k):
        return math.sqrt(max(p * (1 - p), 0.0) / k)

    for at, x in enumerate(stream):
        if after or begun_again:
            if after:
                best = (math.inf, math.inf)
            rate, n = 1.0, 0
            for old in kept:
                n += 1
                rate += (old - rate) / n
                if after and n > min_n and rate + spread(rate, n) < sum(best):
                    best = (rate, spread(rate, n))
            warned_at, after, begun_again = None, False, False
        kept = [*kept, x][-stable:]
        n += 1
        rate += (x - rate) / n
        if n + 1 <= min_n:
            said.append(0)
            continue
        level = rate + spread(rate, n)
        if level < sum(best):
            best = (rate, spread(rate, n))
        if level > best[0] + drifts * best[1]:
            after = True
            kept = kept[-(at - warned_at + 1) :] if warned_at is not None else kept[-1:]
            said.append(2)
        elif level > best[0] + warns * best[1]:
            if warned_at is not None and at - warned_at >= limit:
                after, kept = True, kept[-1:]
                said.append(2)
                continue
            warned_at = at if warned_at is None else warned_at
            said.append(1)
        else:
            warned_at = None
            begun_again = n + 1 > longest
            said.append(0)
    return said


@pytest.mark.parametrize("sizes", [(7_000, 40_000, 1_400), (50, 300, 40), (200, 250, 1_000), (5, 30, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_it_says_what_the_published_procedure_says(sizes, seed):
    stable, longest, limit = sizes
    rng = np.random.default_rng(seed)
    stream = (rng.random(3_000) < np.repeat(rng.uniform(0.05, 0.5, 6), 500)).astype(float)
    detector = RDDM(warm_start=30, max_size_concept=longest, min_size_stable_concept=stable, warn_limit=limit)
    expected = published(stream.tolist(), 30, 1.773, 2.258, longest, stable, limit)
    assert 2 in expected
    assert detector.signals(stream).tolist() == expected
