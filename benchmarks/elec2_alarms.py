"""False alarms on a real series: a year's half of a power market, autocorrelated, with daily and weekly cycles.

The baseline is fitted from the first half year of Elec2 (half-hourly rows, with their times). What follows is that same
half year with its days shuffled, again and again, in windows of hours: nothing is wrong, and whatever alarms is false.
(Weeks would be another world: the shuffling mixes their days.) Half-hourly rows leave windows below 15 hours with less
than the 30 rows that a window needs; so that these are judged too, a second series has 20 predictions a half hour.
Then the real series goes on: from row 17,424 three columns vary that were constant before.

    python -m benchmarks.elec2_alarms FILE               # 5,000 windows of each length
    python -m benchmarks.elec2_alarms FILE --windows 500
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.false_alarms import POLICY, RUN_LENGTH, Quiet
from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import EvidenceMemory
from driftwatch.core.frames import to_table
from driftwatch.core.judge import Judgement, judge_inputs
from driftwatch.core.profile import Profile
from driftwatch.core.records import Verdict, VerdictReason

REFERENCE_ROWS = 8_736
ROWS_A_DAY = 48
BREAK_ROW = 17_424
DAYS_AFTER = 20
"""So long the real series is followed beyond its break."""

HOURS = (1, 3, 6, 12, 24, 48)
PREDICTIONS = 20
"""At each half hour, in the dense series."""


def fitted(rows: pd.DataFrame) -> Baseline:
    """The baseline of some rows, without the columns that are no features."""
    return Baseline.fit(rows, timestamp="ts", label="y", prediction="y_pred", score="y_score", task="binary")


def dense(rows: pd.DataFrame) -> pd.DataFrame:
    """Several predictions at each half hour, all of what the market was like then."""
    several = rows.loc[rows.index.repeat(PREDICTIONS)].reset_index(drop=True)
    seconds = np.tile(np.arange(PREDICTIONS) * (1_800 // PREDICTIONS), len(rows))
    return several.assign(ts=several["ts"] + pd.to_timedelta(seconds, unit="s"))


def shuffled_days(rows: pd.DataFrame, rows_a_day: int, rng: np.random.Generator) -> pd.DataFrame:
    """Whole days in another order."""
    days = rng.permutation(len(rows) // rows_a_day)
    return rows.iloc[(days[:, None] * rows_a_day + np.arange(rows_a_day)).ravel()]


def judgements(
    baseline: Baseline, streams: Iterable[pd.DataFrame], size: int, hours: int
) -> Iterator[tuple[int, Judgement]]:
    """Each whole window of each stream: where it starts there, and what was judged, remembering those before."""
    memory = EvidenceMemory()
    for rows in streams:
        for start in range(0, len(rows) - size + 1, size):
            profile = Profile.of(baseline, to_table(rows.iloc[start : start + size], baseline.schema))
            judged = judge_inputs(baseline, profile, memory, POLICY, 3600.0 * hours)
            memory = judged.memory
            yield start, judged


def alarms(judged: Judgement) -> list[Verdict]:
    """The verdicts that alarm now, and did not before."""
    return [one for one in judged.verdicts if one.reason is VerdictReason.EVIDENCE_REACHED_BUDGET]


def quiet(reference: pd.DataFrame, live: pd.DataFrame, hours: int, windows: int, per_half_hour: int) -> Quiet:
    """Count alarms over windows of shuffled days."""
    rng = np.random.default_rng(hours)
    streams = (shuffled_days(live, ROWS_A_DAY * per_half_hour, rng) for _ in count())
    size = 2 * hours * per_half_hour
    found = sum(
        bool(alarms(judged)) for _, judged in islice(judgements(fitted(reference), streams, size, hours), windows)
    )
    return Quiet(size, windows, found)


def first_alarms(rows: pd.DataFrame, hours: int) -> str:
    """When the real series alarms after the reference, and which columns."""
    real = rows[REFERENCE_ROWS : BREAK_ROW + DAYS_AFTER * ROWS_A_DAY]
    found = [
        f"row {REFERENCE_ROWS + start:,} ({', '.join(verdict.columns)})"
        for start, judged in judgements(fitted(rows[:REFERENCE_ROWS]), [real], 2 * hours, hours)
        for verdict in alarms(judged)
    ]
    return "; ".join(found) or "never"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the series as Parquet: ts, features, y, y_score, y_pred")
    parser.add_argument("--windows", type=int, default=5_000)
    parser.add_argument("--hours", type=int, nargs="*", default=HOURS)
    options = parser.parse_args()
    rows = pd.read_parquet(options.file)
    half_year = rows[:REFERENCE_ROWS]
    half = half_year[: REFERENCE_ROWS // 2 // ROWS_A_DAY * ROWS_A_DAY]
    print(f"No drift, days shuffled; budget 1 per {RUN_LENGTH:,} windows")
    print("| hours | rows | reference | windows | alarms | per 1,000 windows | 95 % bound |")
    print("|---|---|---|---|---|---|---|")
    for hours in options.hours:
        per_half_hour = PREDICTIONS if 2 * hours < POLICY.minimum_rows else 1
        for words, reference in (("the same half year", half_year), ("its first half", half)):
            one, other = (dense(reference), dense(half_year)) if per_half_hour > 1 else (reference, half_year)
            seen = quiet(one, other, hours, options.windows, per_half_hour)
            print(
                f"| {hours} | {seen.rows:,} | {words} | {seen.windows:,} | {seen.alarms} | {seen.per_thousand:.2f} "
                f"| {seen.upper:.2f} |",
                flush=True,
            )
    for hours in (24, 168):
        print(
            f"\nThe real series in windows of {hours} hours, from row {REFERENCE_ROWS:,}: {first_alarms(rows, hours)}"
        )


if __name__ == "__main__":
    main()
