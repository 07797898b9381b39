"""A report as one HTML file: everything is escaped, and nothing is loaded, neither a script nor a style nor a font."""

from __future__ import annotations

from driftwatch import __version__
from driftwatch.core.compare import Report
from driftwatch.core.records import AlertKind, Finding
from driftwatch.reports.cards import cards
from driftwatch.reports.figure import HEIGHT, WIDTH
from driftwatch.reports.order import is_of_a_column
from driftwatch.reports.rendering import environment, style
from driftwatch.reports.summary import headline, quality_lines, quality_notices, threshold_lines, verdict_lines

FEW_COLUMNS = 3
"""With so many or fewer there is no list of columns to jump to."""


def rendered(report: Report) -> str:
    """The page.

    Parameters
    ----------
    report
        Its figures are drawn from ``baseline`` and ``profile``; without them the page has the findings alone.

    Returns
    -------
    str
        A whole document. It has no script and refers to nothing outside of itself, so it can be mailed, archived and
        opened without a network.

    Examples
    --------
    >>> from driftwatch.comparison import compare
    >>> page = rendered(compare({"x": [1.0, 2.0] * 50}, {"x": [2.0] * 40}))
    >>> page.count('<article class="card'), "<script" in page
    (1, False)
    """
    shown = cards(report)
    baseline = report.baseline
    names = {card.name for card in shown}
    page: str = (
        environment()
        .get_template("report.html")
        .render(
            report=report,
            baseline=baseline,
            headline=headline(report, shown),
            verdicts=verdict_lines(report),
            cards=shown,
            has_index=len(shown) > FEW_COLUMNS,
            joint=[one for one in report.findings if not _is_of_quality(one) and not is_of_a_column(baseline, one)],
            quality=quality_lines(report),
            quality_notices=quality_notices(report),
            quality_findings=[one for one in report.findings if _is_of_quality(one)],
            thresholds=threshold_lines(report.findings),
            not_compared=[] if baseline is None else [name for name in baseline.columns if name not in names],
            style=style("report.css"),
            version=__version__,
            width=WIDTH,
            height=HEIGHT,
        )
    )
    return page


def _is_of_quality(finding: Finding) -> bool:
    return finding.kind in (AlertKind.QUALITY, AlertKind.CONCEPT_DRIFT)
