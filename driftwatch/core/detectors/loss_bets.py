r"""Bets against "losses are as they were": what each size of a loss wins, worked out once from reference losses.

Unbounded losses
----------------
A loss ``x`` has the conformal p-value ``p(x)``: the share of reference losses that are as large, counting it among
them; beyond the reference's largest tenth, by its tail (`driftwatch.core.detectors.loss_tail`). A bet with the share
:math:`\epsilon` on a calibrator ``g`` wins :math:`e = 1 - \epsilon + \epsilon g(p)`. Calibrators are powers,
:math:`\kappa p^{\kappa - 1}`, and for one loss that is out of the question a step, ``1 / a`` if ``p`` is at most
``a``. A small share loses little while only one row in a hundred is touched by a change.

Bounded losses
--------------
With values between 0 and 1 and a mean of at most ``m``, :math:`e = 1 + \lambda (x - m)` has an expectation of at most
1, whatever the distribution.

One reference for ever
----------------------
Conformal p-values against one fixed reference are independent only as long as the reference's own error is: what it
misleads by does not average out over a stream. So it is counted, at a chance of `DOUBT`: bounded losses take ``m``
from the upper limit of what the reference's mean may be, and other bets are divided by what they may be worth under a
distribution that lies so many standard errors beside the reference. In the tail the average over shapes does it.

References
----------
Vovk, V., Wang, R. (2021). E-values: calibration, combination and applications. Annals of Statistics 49(3).
doi:10.1214/20-AOS2020

Waudby-Smith, I., Ramdas, A. (2024). Estimating means of bounded random variables by betting. Journal of the Royal
Statistical Society B 86(1). doi:10.1093/jrsssb/qkad009

Conditional conformal test martingales: arXiv:2602.13848
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from driftwatch.core.detectors.loss_tail import exceedance_of
from driftwatch.errors import SettingError

Floats = NDArray[np.float64]

DOUBT = 1e-3
"""The chance that the reference misleads by more than is allowed for."""

FEWEST = 50
"""Reference losses: fewer say nothing of a tail."""

_BODY, _BEYOND = 512, 400
_TAIL_SHARE, _TAIL_COUNT = 0.1, 50
"""The tail is the largest tenth, and as many losses as this if that is no more than a quarter."""

_POWERS = (
    (1.0, 0.85, 0.04),
    (1.0, 0.6, 0.04),
    (1.0, 0.3, 0.04),
    (0.1, 0.2, 0.06),
    (0.02, 0.15, 0.06),
    (0.005, 0.1, 0.06),
)
"""Share, exponent, and weight in the average."""

_STEP_SHARE, _STEP_WEIGHT = 0.005, 0.7
_MULTIPLES = (1.15, 1.3, 1.6, 2.2, 3.5, 6.0)
"""Means, as multiples of the largest allowed, for which bets on bounded losses grow fastest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossBets:
    """What a loss wins, by its size.

    Attributes
    ----------
    edges
        Shape ``(c,)``, ascending: a loss is in the cell of the last edge that it reaches, 0 before the first.
    e_values
        Shape ``(c + 1, k)``: for each cell what each of ``k`` bets wins there.
    weights
        Shape ``(k,)``, of the bets; they add up to 1.
    """

    edges: Floats
    e_values: Floats
    weights: Floats

    @classmethod
    def of(cls, reference: Floats, run_length: float) -> LossBets:
        """Bets on losses of any size.

        Parameters
        ----------
        reference
            Losses on held-out rows, shape ``(n,)``, finite.
        run_length
            Rows between two false alarms, on average: what one loss must be able to win.

        Raises
        ------
        SettingError
            If there are fewer than `FEWEST`.
        """
        edges, p_values = _conformal(reference)
        n = len(reference)
        mass = p_values - np.append(p_values[1:], 0.0)
        # What can be known of a bet from the reference is what it wins within it.
        within = np.maximum(p_values, 1.0 / n)
        bets: list[NDArray[np.floating[Any]]] = []
        weights: list[float] = []
        for share, exponent, weight in _POWERS:
            bet = 1.0 - share + share * exponent * p_values ** (exponent - 1.0)
            seen = 1.0 - share + share * exponent * within ** (exponent - 1.0)
            spread = math.sqrt(float(mass @ (seen - 1.0) ** 2) / n)
            bets.append(bet / (1.0 - float(ndtri(DOUBT)) * spread))
            weights.append(weight)
        level = 0.5 / run_length
        bets.append(1.0 - _STEP_SHARE + _STEP_SHARE * (p_values <= level) / level)
        weights.append(_STEP_WEIGHT)
        return cls(edges=edges, e_values=np.stack(bets, axis=1), weights=np.array(weights))

    @classmethod
    def of_bounded(cls, reference: Floats, least: float, most: float) -> LossBets:
        """Bets on losses between two bounds; those outside count as the bound.

        Parameters
        ----------
        reference
            As in `of`.
        least, most
            The bounds.

        Raises
        ------
        SettingError
            If there are fewer than `FEWEST` losses.
        """
        _check_enough(reference)
        scaled = np.clip((reference - least) / (most - least), 0.0, 1.0)
        mean = _largest_mean(scaled)
        is_binary = bool(np.isin(scaled, (0.0, 1.0)).all())
        levels = np.array([0.0, 1.0]) if is_binary else np.linspace(0.0, 1.0, 257)
        alternatives = np.array([min(mean * multiple, 0.5 + 0.5 * mean) for multiple in _MULTIPLES])
        stakes = (alternatives - mean) / (mean * (1.0 - mean))
        # Each cell wins what its least loss does.
        e_values = 1.0 + stakes * (levels[:, np.newaxis] - mean)
        return cls(
            edges=least + (most - least) * levels[1:],
            e_values=np.ascontiguousarray(e_values),
            weights=np.full(len(stakes), 1.0 / len(stakes)),
        )


def _check_enough(reference: Floats) -> None:
    if len(reference) < FEWEST:
        raise SettingError(
            f"{len(reference)} losses are too few: {FEWEST} are needed.",
            field="reference",
            remedy="Take the losses of held-out rows, some thousand if you have them.",
        )


def _conformal(reference: Floats) -> tuple[Floats, Floats]:
    """Edges of cells, and the largest p-value in each; the first cell lies before the first edge."""
    _check_enough(reference)
    losses = np.sort(reference)
    n = len(losses)
    k = int(max(_TAIL_SHARE * n, min(_TAIL_COUNT, n / 4)))
    threshold = float(losses[n - k - 1])
    body = np.unique(losses[: n - k][np.linspace(0, n - k - 1, _BODY).astype(np.intp)])
    p_body = (n - np.searchsorted(losses, body, side="left") + 1) / (n + 1)
    excesses = losses[n - k :] - threshold
    excesses = excesses[excesses > 0.0]
    if len(excesses) < 2:
        # The largest losses are all the same: larger ones are as likely as none was seen.
        above = np.nextafter(losses[-1], math.inf)
        return np.append(body, above), np.array([1.0, *p_body, 1.0 / (n + 1)])
    beyond = float(excesses.mean()) * np.array([1e-3, *np.geomspace(0.02, 1e5, _BEYOND)])
    p_tail = (len(excesses) + 1) / (n + 1) * exceedance_of(excesses, beyond)
    edges = np.concatenate([body, threshold + beyond])
    p_values = np.minimum.accumulate(np.concatenate([[1.0], p_body, p_tail]))
    kept = np.append(np.diff(edges) > 0.0, True)
    return edges[kept], p_values[np.append(True, kept)]


def _largest_mean(scaled: Floats) -> float:
    """The upper limit of the mean of values between 0 and 1, at a chance of `DOUBT` to lie above it; below 1."""
    n, total = len(scaled), float(scaled.sum())
    if np.isin(scaled, (0.0, 1.0)).all():
        limit = float(betaincinv(total + 1.0, n - total, 1.0 - DOUBT)) if total < n else 1.0
    else:
        # The empirical Bernstein bound of Maurer and Pontil (2009).
        log = math.log(2.0 / DOUBT)
        limit = total / n + math.sqrt(2.0 * float(scaled.var(ddof=1)) * log / n) + 7.0 * log / (3.0 * (n - 1))
    return min(limit, 1.0 - 1e-9)
