"""What another tool publishes of a data set that is not part of the project: read beside it, where it is there."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from driftwatch.core.statistics.jensen_shannon import jensen_shannon_of_samples
from driftwatch.core.statistics.ks import ks_two_sample

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
CHUNK = 5_000
SIZE = 10
# source: scipy.stats.ks_2samp of each chunk against the reference half
KS = [0.01576, 0.01272, 0.01746, 0.01282, 0.01922, 0.00824, 0.01068, 0.01002, 0.01070, 0.00700]


@pytest.fixture(scope="module")
def halves():
    path = DATA / "car_loan" / "car_loan.parquet"
    if not path.exists():
        pytest.skip("needs the data set car_loan in ../shared/data, which is not part of the project")
    import pyarrow.parquet as pq

    values = pq.read_table(path, columns=["debt_to_income_ratio"]).column(0).to_numpy()
    return values[:50_000], values[50_000:].reshape(SIZE, CHUNK)


@pytest.fixture(scope="module")
def published(halves):
    """source: NannyML 0.13.1, documentation, its table of the univariate methods."""
    with (DATA / "goldens" / "nannyml_car_loan_univariate.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if "analysis" in row.values()]
    return [float(row["debt_to_income_ratio_jensen_shannon_value"]) for row in rows]


def test_jensen_shannon_over_doanes_bins_is_nannymls_in_each_chunk(halves, published):
    reference, chunks = halves
    assert len(published) == SIZE
    found = [jensen_shannon_of_samples(reference, chunk, bins="doane") for chunk in chunks]
    assert found == pytest.approx(published, abs=1e-6)


@pytest.mark.parametrize("chunk", range(SIZE))
def test_ks_is_scipys_in_each_chunk(halves, chunk):
    reference, chunks = halves
    assert ks_two_sample(reference, chunks[chunk]).statistic == pytest.approx(KS[chunk], abs=1e-9)
