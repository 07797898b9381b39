"""The pages for people."""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest

from driftwatch.core.baseline import Baseline
from driftwatch.core.records import RetrainState

HOSTILE = "<script>alert(1)</script>\"'&"


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.attributes: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append(name)
            if name in {"href", "src", "action"}:
                self.addresses.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page(web: Any, path: str = "/") -> Page:
    answer = web.client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return Page(answer.text)


def test_a_fresh_service_says_how_to_begin(make_web: Any) -> None:
    text = page(make_web()).text
    assert "No model is registered yet" in text
    assert "driftwatch baseline fit" in text


def test_a_model_without_windows_is_waited_for(web: Any) -> None:
    text = page(web).text
    assert "Waiting for the first window to close" in text
    assert "No window has closed yet" in text


def test_the_page_tells_the_story_of_a_drift(drifted: Any) -> None:
    text = page(drifted).text
    assert "flights needs attention" in text
    assert "1 alert firing · 1 retrain open" in text
    assert drifted.service.operations.alerts()[0].reason in text
    assert "requested" in text
    assert text.index("2026-01-15") < text.index("2026-01-06"), "newest windows first"


def test_the_windows_show_rows_labels_and_quality_against_the_reference(drifted: Any) -> None:
    [window] = drifted.service.operations.windows("flights")
    text = page(drifted).text
    assert f"{window.performance['mae']:#.4g}" in text
    assert "100 %" in text
    assert re.search(r"× [4-7]\.\d\d", text)


def test_a_model_that_fires_is_shown_first_and_another_can_be_chosen(make_web: Any) -> None:
    web = make_web()
    web.register()
    for number in range(10):
        web.day(number, error=5.0 if number < 5 else 25.0)
    calm = Baseline.fit(
        {"x": [1.0, 2.0] * 50, "y": [1.0, 3.0] * 50, "p": [1.0, 2.0] * 50},
        model="calm", model_version="1", task="regression", label="y", prediction="p",
    )  # fmt: skip
    web.client.put("/v1/models/calm/baseline", content=calm.to_json())
    assert "1 of 2 models need attention" in page(web).text
    assert "Windows of flights" in page(web).text
    assert "Windows of calm" in page(web, "/?model=calm").text
    assert "/?model=calm" in page(web).addresses


def test_an_unknown_model_is_a_problem(drifted: Any) -> None:
    assert drifted.client.get("/?model=nobody").status_code == 404
    assert drifted.client.get("/?model=no%20body").status_code == 422


def test_what_users_send_is_escaped(web: Any) -> None:
    web.day(0)
    for number in range(1, 8):
        web.day(number, error=25.0)
    [episode] = web.service.operations.retrains()
    web.service.operations.retrain_status(episode.retrain_id, RetrainState.TRAINING, HOSTILE, HOSTILE)
    answer = web.client.get("/")
    assert HOSTILE in Page(answer.text).text
    assert "<script" not in answer.text


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_have_no_script_no_inline_style_and_load_nothing_from_elsewhere(drifted: Any, path: str) -> None:
    found = page(drifted, path)
    assert not {"script", "style", "iframe", "img", "object"} & set(found.tags)
    assert not [name for name in found.attributes if name == "style" or name.startswith("on")]
    assert not [address for address in found.addresses if urlsplit(address).netloc]


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_browser_is_told_to_run_no_script_and_show_the_page_in_no_frame(drifted: Any, path: str) -> None:
    headers = drifted.client.get(path).headers
    rules = dict(rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";"))
    assert rules["default-src"] == "'none'"
    assert "script-src" not in rules
    assert "unsafe" not in headers["content-security-policy"]
    assert rules["frame-ancestors"] == "'none'"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_every_link_of_a_page_leads_somewhere(drifted: Any, path: str) -> None:
    text = drifted.client.get(path).text
    for address in sorted(set(page(drifted, path).addresses)):
        if address.startswith("#"):
            assert f'id="{address[1:]}"' in text
        else:
            assert drifted.client.get(address).status_code == 200, address


def test_the_page_refreshes_by_itself_until_it_is_told_not_to(drifted: Any) -> None:
    assert '<meta http-equiv="refresh" content="15">' in drifted.client.get("/").text
    assert "http-equiv" not in drifted.client.get("/?refresh=0").text
    assert "/?refresh=0" in page(drifted).addresses


def test_the_style_sheet_follows_the_readers_colour_scheme_and_may_be_kept(drifted: Any) -> None:
    answer = drifted.client.get("/static/style.css")
    assert "prefers-color-scheme: dark" in answer.text
    assert "max-age" in answer.headers["cache-control"]
    assert "url(" not in answer.text
    assert "@import" not in answer.text


def test_a_service_that_is_not_ready_says_so(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.service.operations, "readiness", lambda: (False, "the disk is full"))
    assert "not ready the disk is full" in page(web).text
