"""The page of a report: what it says, that it is safe, small and whole."""

from __future__ import annotations

import math
import re
import time
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

import driftwatch
from driftwatch.core.baseline import Baseline
from driftwatch.core.performance import DEFAULT_MEASURES
from driftwatch.core.policy import JudgePolicy
from driftwatch.core.records import AlertKind, Status
from driftwatch.errors import FileError
from driftwatch.reports.wording import number, p_value, words

N_COLUMNS = 25
STRANGE = [
    "<script>alert(1)</script>",
    "\"quotes\" 'and' </title> &amp; {{ 7 * 7 }}",
    "🚕 " + "long name " * 20,
    "a\nb\tc",
]


def rows(n: int, *, moved: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    label = rng.normal(0.0, 1.0, n)
    columns: dict[str, object] = {f"x{at:02}": rng.normal(at, 1.0, n) for at in range(16)}
    columns["x03"] = rng.normal(3.0 + moved, 1.0, n)
    columns["income"] = rng.lognormal(0.0, 2.0, n)
    columns["plan"] = rng.choice(["free", "pro", "team"], n, p=[0.5 - moved / 4, 0.3 + moved / 4, 0.2])
    columns["gaps"] = np.where(rng.random(n) < 0.1 + moved / 5, math.nan, rng.normal(0.0, 1.0, n))
    for name in STRANGE:
        columns[name] = rng.choice(["<b>bold</b>", '"', "x" * 200, "🚕"], n)
    return pd.DataFrame({**columns, "y": label, "y_pred": label + rng.normal(0.0, 0.5 + moved, n)})


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return Baseline.fit(rows(6_000), model="flights <i>", model_version="7", label="y", prediction="y_pred")


@pytest.fixture(scope="module")
def report(baseline):
    live = rows(2_000, moved=1.0)
    live["x05"] = ["no number"] * 2_000
    return driftwatch.compare(baseline, live)


@pytest.fixture(scope="module")
def page(report, parsed):
    return parsed(report.to_html())


def cards(page):
    return {card.all("b")[0].text: card for card in page.all("article", "card")}


def cells(table):
    return [[cell.text.strip() for cell in row if cell.tag in {"td", "th"}] for row in table.all("tbody")[0].all("tr")]


def test_every_column_has_a_card_and_an_anchor_in_the_list(page, baseline):
    assert set(cards(page)) == set(baseline.columns)
    targets = {link.attributes["href"]: link.text for link in page.all("nav")[0].all("a")}
    for name, card in cards(page).items():
        anchor = card.all("div", "inside")[0].attributes["id"]
        assert targets[f"#{anchor}"] == name


def test_what_drifted_comes_first_then_what_could_not_be_read_then_the_others(page, report):
    statuses = [card.all("span", "pill")[0].text for card in page.all("article", "card")]
    order = ["drift", "warning", "error", "insufficient data", "ok"]
    assert statuses == sorted(statuses, key=order.index)
    drifted = list(cards(page))[: statuses.count("drift")]
    assert set(drifted) == set(report.drifted_columns)
    assert set(drifted) >= {"x03", "plan", "gaps"}


OF_LABELS = (AlertKind.QUALITY, AlertKind.CONCEPT_DRIFT)


def test_scores_thresholds_and_p_values_are_those_of_the_findings(page, report):
    shown = cards(page)
    measured = [one for one in report.findings if one.statistic and one.kind not in OF_LABELS]
    drift = [one for one in measured if one.kind is not AlertKind.DATA_QUALITY]
    assert len(drift) == 2 * (N_COLUMNS - 1)
    assert {(one.column, one.statistic) for one in measured} - {(one.column, one.statistic) for one in drift} == {
        ("gaps", "missing_share")
    }
    for finding in measured:
        table = cells(shown[finding.column].all("table", "statistics")[0])
        row = next(row for row in table if row[0] == finding.statistic.replace("_", " "))
        assert row[1:4] == [number(finding.score), number(finding.threshold.value, 3), p_value(finding.p_value)]
        assert float(row[1]) == pytest.approx(finding.score, rel=1e-3)
        assert row[4] == finding.status.value.replace("_", " ")
        more = table[table.index(row) + 1][0]
        assert f"{finding.n_live:,} rows against {finding.n_reference:,}" in more
        assert finding.binning in more


def test_verdicts_show_their_evidence_against_the_budget(page, report):
    shown = page.all("ul", "verdicts")[0].all("li")
    assert len(shown) == len(report.verdicts) == 6
    for item, verdict in zip(shown, report.verdicts, strict=True):
        assert verdict.text.replace(" -> ", "\xa0→ ") in item.text
        assert f"limit {number(verdict.limit.value)}, from the false-alarm budget: one in 1,000 windows" in item.text
        fill = item.all("rect", "fill")[0]
        expected = math.log1p(min(verdict.evidence, verdict.limit.value)) / math.log1p(verdict.limit.value)
        assert float(fill.attributes["width"]) == pytest.approx(100 * expected, abs=0.06)


def test_bars_are_as_long_as_the_shares_that_pandas_counts(page):
    reference, live = rows(6_000)["plan"], rows(2_000, moved=1.0)["plan"]
    largest = max(reference.value_counts(normalize=True).max(), live.value_counts(normalize=True).max())
    for row in cards(page)["plan"].all("table", "shares")[0].all("tbody")[0].all("tr"):
        name = row.all("th")[0].text
        for side, values in (("reference", reference), ("live", live)):
            width = float(row.all("rect", side)[0].attributes["width"])
            assert width == pytest.approx(100 * np.mean(values == name) / largest, abs=0.01)


def test_missing_values_are_shown_with_their_shares(page):
    live = rows(2_000, moved=1.0)["gaps"]
    row = next(row for row in cells(cards(page)["gaps"].all("table", "shares")[0]) if row[0].startswith("missing"))
    assert row[3] == f"{100 * live.isna().mean():.0f} %"


def test_a_column_that_could_not_be_read_says_why_and_still_shows_the_reference(page):
    card = cards(page)["x05"]
    assert "x05: " in card.all("p", "note")[0].text
    assert card.all("path", "reference")
    assert not card.all("path", "live")


def test_quality_stands_beside_that_of_the_reference(page, report, baseline):
    table = {row[0]: row for row in cells(page.all("table", "quality")[0])}
    live, reference = report.sums.measures(), baseline.performance.sums.measures()
    shown = {words(name): name for name in DEFAULT_MEASURES[report.sums.task]}
    assert set(table) == set(shown)
    for title, (_, of_reference, estimated, of_live) in table.items():
        assert estimated == "–"  # errors do not depend on features here
        for text, measure in ((of_reference, reference[shown[title]]), (of_live, live[shown[title]])):
            interval = f"{number(measure.lower, 3)} to {number(measure.upper, 3)}"
            assert text.split() == [number(measure.value), *interval.split()]


def test_notices_of_the_baseline_are_shown(page, baseline):
    assert baseline.notices
    assert all(notice in page.text for notice in baseline.notices)


def test_names_and_categories_stay_text(page, report):
    assert set(STRANGE) <= set(cards(page))
    assert page.all("script") == []
    assert [one for one in page.all("b") if one.text == "bold"] == []
    assert "<b>bold</b>" in cards(page)[STRANGE[0]].text
    assert page.all("title")[0].text.startswith("flights <i> 7: ")
    assert "49" not in list(cards(page))
    assert [name for one in page for name in one.attributes if name.startswith("on")] == []


def test_the_page_refers_to_nothing_outside_of_itself(page, report):
    assert {one.tag for one in page} & {"script", "link", "img", "iframe", "object", "embed", "form", "base"} == set()
    identifiers = [one.attributes["id"] for one in page if "id" in one.attributes]
    assert len(identifiers) == len(set(identifiers))
    links = [one.attributes[name] for one in page for name in ("href", "src", "xlink:href") if name in one.attributes]
    assert links
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= set(identifiers)
    assert [link for link in links if not link.startswith("#")] == []
    style = page.all("style")[0].text
    assert not re.search(r"url\(|@import|expression", style)
    assert not re.search(r"https?:|//\w", report.to_html())
    policy = next(one for one in page.all("meta") if one.attributes.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy.attributes["content"]


def test_every_coordinate_is_a_finite_number(page):
    drawn = [one for one in page if one.tag in {"path", "rect", "line"}]
    assert len(drawn) > 10 * N_COLUMNS
    for one in drawn:
        for name in ("x", "y", "width", "height", "x1", "x2", "y1", "y2"):
            assert math.isfinite(float(one.attributes.get(name, 0)))
        assert re.fullmatch(r"[MHVZ\d. ]*", one.attributes.get("d", "")) or one.attributes["d"].startswith("M1 1")


def test_figures_and_tables_can_be_read_aloud(page):
    for svg in page.all("svg"):
        named = svg.attributes.get("aria-label") or svg.attributes.get("aria-labelledby")
        assert svg.attributes.get("aria-hidden") == "true" or (svg.attributes["role"] == "img" and named)
    for figure in page.all("svg", "density"):
        assert [one.tag for one in figure.children if not isinstance(one, str)][:2] == ["title", "desc"]
    for table in page.all("table"):
        assert all(head.attributes.get("scope") in {"row", "col"} for head in table.all("th"))


def test_a_page_of_25_columns_is_small_and_quick(report):
    report.to_html()
    start = time.perf_counter()
    page = report.to_html()
    assert time.perf_counter() - start < 1.0
    assert len(page.encode()) < 300_000


def test_of_many_columns_those_that_are_well_are_folded(parsed):
    rng = np.random.default_rng(1)
    reference = {f"x{at}": rng.normal(0.0, 1.0, 500) for at in range(40)}
    live = {name: values + 2.0 * (name in {"x7", "x31"}) for name, values in reference.items()}
    page = parsed(driftwatch.compare(reference, live).to_html())
    unfolded = [name for name, card in cards(page).items() if "open" in card.all("details")[0].attributes]
    assert set(unfolded) == {"x7", "x31"}
    assert page.all("h1")[0].text == "2 of 40 columns drifted"


@pytest.mark.parametrize(
    ("reference", "live", "says"),
    [
        ({"x": [1.0, 2.0] * 50}, {"x": [1.0, 2.0] * 50}, "No drift in 1 column"),
        ({"x": [1.0, 2.0] * 50}, {"x": []}, "Too little data to tell"),
        ({"x": [1.0, 2.0] * 50, "c": ["a"] * 100}, {"x": [1.0, 2.0] * 50}, "1 column could not be read"),
        ({"x": [1.0]}, {"x": [1.0] * 40}, "No drift in 1 column"),
        ({"x": [5.0] * 2_000}, {"x": [math.nan] * 400}, "1 of 1 column drifted"),
    ],
    ids=["same", "no live rows", "a column is gone", "one reference row", "all missing"],
)
def test_the_headline_says_what_is_the_matter(parsed, reference, live, says):
    page = parsed(driftwatch.compare(reference, live).to_html())
    assert page.all("h1")[0].text == says
    assert "nan" not in page.all("main")[0].text


def test_a_report_without_counts_has_its_findings_and_no_figures(report, parsed):
    page = parsed(replace(report, baseline=None, profile=None, sums=None).to_html())
    assert len(cards(page)) == N_COLUMNS
    assert page.all("svg", "density") == []


def test_findings_over_several_columns_have_a_section_of_their_own(report, parsed):
    first = next(one for one in report.findings if one.statistic)
    joint = replace(first, column="all features", statistic="domain_classifier", status=Status.DRIFT)
    page = parsed(replace(report, findings=(*report.findings, joint)).to_html())
    section = next(one for one in page.all("section") if one.attributes.get("aria-labelledby") == "several")
    assert "all features" in section.text
    assert "domain classifier" in section.text


def test_a_fixed_p_value_is_shown_as_the_limit_of_the_p_value(baseline, parsed):
    policy = JudgePolicy(p_values={"ks": 0.001})
    found = driftwatch.compare(baseline, rows(2_000, moved=1.0), policy=policy)
    page = parsed(found.to_html())
    ks = next(row for row in cards(page)["x03"].all("tr") if row.all("th") and row.all("th")[0].text == "ks")
    threshold = ks.all("td")[1]
    assert threshold.text == "p < 0.001"
    assert "much" in ks.all("td")[0].attributes["class"]


def test_the_importance_of_a_feature_stands_beside_its_name(parsed):
    reference = {"x": [1.0, 2.0] * 50, "z": [1.0, 2.0] * 50}
    page = parsed(driftwatch.compare(reference, reference, importance={"x": 3.0, "z": 1.0}).to_html())
    assert "importance 75 %" in cards(page)["x"].all("summary")[0].text


def test_a_page_that_cannot_be_written_names_the_file(report, tmp_path):
    with pytest.raises(FileError, match=r"absent/page\.html: cannot be written"):
        report.save_html(tmp_path / "absent" / "page.html")


def relative_luminance(colour: str) -> float:
    digits = colour if len(colour) == 6 else "".join(2 * one for one in colour)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((relative_luminance(one), relative_luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_and_lines_have_the_contrast_that_wcag_asks_for(scheme):
    style = files("driftwatch.reports").joinpath("templates", "report.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): #(\w+)", blocks[scheme]))
    for ground in ("ground", "surface"):
        for text in ("ink", "soft", "accent"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for status in ("ok", "warning", "drift", "idle"):
        assert contrast(colours[status], colours[f"{status}-ground"]) >= 4.5, status
    for line in ("reference", "live"):
        assert contrast(colours[line], colours["surface"]) >= 3.0, line
