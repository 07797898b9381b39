"""Several columns at once, on the page and in the table of a terminal."""

from __future__ import annotations

import re

import numpy as np
import pytest
from rich.console import Console

import driftwatch
from driftwatch.cli.report_table import table_text
from driftwatch.comparison import Report

NAME = "<b>y & co"


@pytest.fixture(scope="module")
def report() -> Report:
    rng = np.random.default_rng(1)
    x, noise, z = rng.standard_normal((3, 1_500))
    return driftwatch.compare({"x": x, NAME: x + noise, "z": z}, {"x": x, NAME: noise - x, "z": z}, together=True)


def test_the_page_has_each_test_with_its_numbers(report: Report) -> None:
    page = report.to_html()
    section = page[page.index("Several columns at once") : page.index('id="columns"')]
    assert section.count('<article class="card joint">') == 4
    assert "rank correlation of x and &lt;b&gt;y &amp; co 0.6" in section
    assert "pairs: x and &lt;b&gt;y &amp; co" in section
    assert section.count("rows are taken for independent") == 4
    assert NAME not in page


def test_without_joint_findings_the_page_has_no_such_section() -> None:
    rows = {"x": np.arange(200.0)}
    assert "Several columns at once" not in driftwatch.compare(rows, rows).to_html()


def test_the_table_has_each_test_and_what_it_assumes(report: Report) -> None:
    text = table_text(report)
    assert re.search(r"correlation_change +drift +1\.3\d* +1\.\d+ to 1\.\d+ +0\.1 +rank correlation of x and", text)
    assert "together: rows are taken for independent" in text


def test_the_table_keeps_to_80_columns(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    from driftwatch.cli.report_table import print_joint

    print_joint(report, Console(width=80, no_color=True))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("pca_reconstruction") for line in lines)
