"""False alarms on a real series: a year's half of a power market, autocorrelated, with daily and weekly cycles.

The baseline is fitted from the first half year of Elec2 (half-hourly rows, with their times). What follows is that same
half year with its days shuffled, again and again, in windows of hours: nothing is wrong, and whatever alarms is false.
Then the real series goes on: from row 17,424 three columns vary that were constant before.

    python -m benchmarks.elec2_alarms FILE               # 5,000 windows of each length
    python -m benchmarks.elec2_alarms FILE --windows 500
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.false_alarms import POLICY, RUN_LENGTH, Quiet
from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import EvidenceMemory
from driftwatch.core.frames import to_table
from driftwatch.core.judge import JudgePolicy, judge_inputs
from driftwatch.core.profile import Profile
from driftwatch.core.records import Status, VerdictReason

REFERENCE_ROWS = 8_736
ROWS_A_DAY = 48
BREAK_ROW = 17_424
HOURS = (1, 3, 6, 12, 24, 48, 168)


def fitted(rows: pd.DataFrame) -> Baseline:
    """The baseline of some rows, without the columns that are no features."""
    return Baseline.fit(rows, timestamp="ts", label="y", prediction="y_pred", score="y_score", task="binary")


def shuffled_days(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Whole days in another order."""
    days = rng.permutation(len(rows) // ROWS_A_DAY)
    return rows.iloc[(days[:, None] * ROWS_A_DAY + np.arange(ROWS_A_DAY)).ravel()]


def quiet(reference: pd.DataFrame, live: pd.DataFrame, hours: int, windows: int, policy: JudgePolicy) -> Quiet:
    """Count alarms over windows of shuffled days."""
    baseline, rng = fitted(reference), np.random.default_rng(hours)
    memory, alarms, done = EvidenceMemory(), 0, 0
    while done < windows:
        rows = shuffled_days(live, rng)
        for start in range(0, len(rows) - 2 * hours + 1, 2 * hours):
            profile = Profile.of(baseline, to_table(rows.iloc[start : start + 2 * hours], baseline.schema))
            judged = judge_inputs(baseline, profile, memory, policy, 3600.0 * hours)
            memory = judged.memory
            alarms += any(one.reason is VerdictReason.EVIDENCE_REACHED_BUDGET for one in judged.verdicts)
            done += 1
            if done == windows:
                break
    return Quiet(2 * hours, windows, alarms)


def first_alarm(rows: pd.DataFrame, hours: int) -> str:
    """When the real series alarms after the reference, and which columns."""
    baseline, memory = fitted(rows[:REFERENCE_ROWS]), EvidenceMemory()
    found = []
    for start in range(REFERENCE_ROWS, BREAK_ROW + 20 * ROWS_A_DAY, 2 * hours):
        profile = Profile.of(baseline, to_table(rows.iloc[start : start + 2 * hours], baseline.schema))
        judged = judge_inputs(baseline, profile, memory, POLICY, 3600.0 * hours)
        memory = judged.memory
        for verdict in judged.verdicts:
            if verdict.status is Status.DRIFT and verdict.reason is VerdictReason.EVIDENCE_REACHED_BUDGET:
                found.append(f"row {start:,} ({', '.join(verdict.columns)})")
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
    halves = half_year[: REFERENCE_ROWS // 2 // ROWS_A_DAY * ROWS_A_DAY]
    any_rows = JudgePolicy(budget=POLICY.budget, minimum_rows=2)
    print(f"No drift, days shuffled; budget 1 per {RUN_LENGTH:,} windows")
    print("| hours | reference | fewest rows | windows | alarms | per 1,000 windows | 95 % bound |")
    print("|---|---|---|---|---|---|---|")
    for hours in options.hours:
        for words, reference in (("the same half year", half_year), ("its first half", halves)):
            for policy in (POLICY, any_rows):
                if policy is any_rows and 2 * hours >= POLICY.minimum_rows:
                    continue
                seen = quiet(reference, half_year, hours, options.windows, policy)
                print(
                    f"| {hours} | {words} | {policy.minimum_rows} | {seen.windows:,} | {seen.alarms} "
                    f"| {seen.per_thousand:.2f} | {seen.upper:.2f} |",
                    flush=True,
                )
    for hours in (24, 168):
        print(f"\nThe real series in windows of {hours} hours, from row {REFERENCE_ROWS:,}: {first_alarm(rows, hours)}")


if __name__ == "__main__":
    main()
