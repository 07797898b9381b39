"""STEPD and EWMA against their formulas, computed from the whole past at each value."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from driftwatch.detectors import EWMA, STEPD

RNG = np.random.default_rng(12)
ERRORS = (RNG.random(4_000) < np.repeat(RNG.uniform(0.05, 0.6, 8), 500)).astype(float)


def since_drift(said):
    return len(said) - (max((i for i, one in enumerate(said) if one == 2), default=-1) + 1)


def test_stepd_is_the_one_sided_test_of_two_proportions_with_its_correction():
    said = []
    for at in range(len(ERRORS)):
        past = ERRORS[at - since_drift(said) : at + 1]
        recent, old = past[-30:], past[:-30]
        if len(old) < 30:
            said.append(0)
            continue
        hits_old, hits_new = (1 - old).mean(), (1 - recent).mean()
        widths, hits = 1 / len(old) + 1 / len(recent), (1 - past).mean()
        spread = math.sqrt(hits * (1 - hits) * widths)
        p_value = norm.sf((hits_old - hits_new - 0.5 * widths) / spread) if spread else 1.0
        said.append(2 if p_value < 0.003 else 1 if p_value < 0.05 else 0)
    assert said.count(2) > 3
    assert STEPD().signals(ERRORS).tolist() == said


def test_ewma_is_the_chart_with_the_limits_of_the_paper_s_table():
    coefficients = {100: (2.76, -6.23, 18.12, -312.45, 1002.18), 1000: (1.17, 7.56, -21.24, 112.12, -987.23)}
    for run_length, (a, b, c, d, e) in coefficients.items():
        said = []
        for at in range(1_500):
            past = ERRORS[at - since_drift(said) : at + 1]
            t, p = len(past), past.mean()
            moving = float(0.2 * (0.8 ** np.arange(t)[::-1]) @ past)
            spread = math.sqrt(p * (1 - p) * 0.2 / 1.8 * (1 - 0.8 ** (2 * t)))
            width = (a + b * p + c * p**3 + d * p**5 + e * p**7) * spread
            level = 2 if moving > p + width else 1 if moving > p + 0.5 * width else 0
            said.append(level if t >= 30 else 0)
        assert 2 in said
        assert EWMA(average_run_length=run_length).signals(ERRORS[:1_500]).tolist() == said
