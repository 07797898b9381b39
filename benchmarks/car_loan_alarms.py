"""When a data set with a known change alarms: synthetic car loans, of which four columns of seven move at row 75,000.

The baseline is fitted from the first 50,000 rows; what follows comes in windows of 1,000 rows.

    python -m benchmarks.car_loan_alarms FILE
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from benchmarks.false_alarms import POLICY
from driftwatch.core.baseline import Baseline
from driftwatch.core.evidence import EvidenceMemory
from driftwatch.core.frames import to_table
from driftwatch.core.judge import judge_inputs
from driftwatch.core.profile import Profile
from driftwatch.core.records import VerdictReason

REFERENCE_ROWS = 50_000
WINDOW_ROWS = 1_000
FEATURES = ["car_value", "salary_range", "debt_to_income_ratio", "loan_length", "repaid_loan_on_prev_car",
            "size_of_downpayment", "driver_tenure"]  # fmt: skip


def main() -> None:
    """Print every alarm: after how many rows, and which columns it names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the rows as Parquet, in their order")
    rows = pd.read_parquet(parser.parse_args().file)[FEATURES]
    baseline, memory = Baseline.fit(rows[:REFERENCE_ROWS]), EvidenceMemory()
    for start in range(REFERENCE_ROWS, len(rows), WINDOW_ROWS):
        window = Profile.of(baseline, to_table(rows[start : start + WINDOW_ROWS], baseline.schema))
        judged = judge_inputs(baseline, window, memory, POLICY, None)
        memory = judged.memory
        for verdict in judged.verdicts:
            if verdict.reason is VerdictReason.EVIDENCE_REACHED_BUDGET:
                print(f"row {start + WINDOW_ROWS:,}: {', '.join(verdict.columns)}")
    print(f"{(len(rows) - REFERENCE_ROWS) // WINDOW_ROWS} windows")


if __name__ == "__main__":
    main()
