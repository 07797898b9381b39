"""The tables of sinks in the configuration: what is taken, and what is said of a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from driftwatch.bootstrap import sinks
from driftwatch.errors import SettingError
from driftwatch.settings import load_settings
from driftwatch.sinks import SINKS
from driftwatch.sinks.options import checked_address, checked_template

GOOD = {"kind": "webhook", "name": "ci", "url": "https://ci.example.com/hooks/9f3b", "secret_env": "CI_SECRET"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def written(path: Path, text: str) -> Path:
    config = path / "driftwatch.toml"
    config.write_text(text)
    return config


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_SECRET", SECRET)


def test_tables_of_the_file_become_sinks_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc")
    config = written(tmp_path, f"""
        webhook_url = "https://ci.example.com/short"
        webhook_secret = "{SECRET}"
        [[sinks]]
        kind = "webhook"
        name = "ci"
        url = "https://ci.example.com/hooks/9f3b"
        secret_env = "CI_SECRET"
        [[sinks]]
        kind = "github"
        name = "actions"
        told = ["triggers", "alerts"]
        repository = "acme/models"
        token_file = "{tmp_path / 'token'}"
    """)  # fmt: skip
    found = sinks(load_settings(config))
    assert {name: type(sink).__name__ for name, sink in found.items()} == {
        "webhook": "WebhookSink", "ci": "WebhookSink", "actions": "GithubSink",
    }  # fmt: skip
    assert all(sink.name == name for name, sink in found.items())


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"kind": "pigeon", "name": "p"}, ["number 1", "kind", "airflow"]),
        ({"name": "p"}, ["number 1", "kind"]),
        ({**GOOD, "name": "two words"}, ["number 1", "name"]),
        ({**GOOD, "url": "ftp://x"}, ["number 1 (ci)", "url", "http or https"]),
        ({**GOOD, "url": "https://bot:hunter2@x/"}, ["ci", "url", "password"]),
        ({**GOOD, "colour": "red"}, ["ci", "colour", "there is no such option", "secret_file"]),
        ({**GOOD, "told": ["gossip"]}, ["ci", "told"]),
        ({**GOOD, "told": []}, ["ci", "told"]),
        ({**GOOD, "secret_file": "x"}, ["ci", "secret_file and secret_env"]),
        ({**GOOD, "timeout_seconds": 0}, ["ci", "timeout_seconds"]),
        ({"kind": "airflow", "name": "a", "url": "http://x", "dag_id": "d-{modell}"}, ["dag_id", "modell", "model"]),
        ({"kind": "airflow", "name": "a", "url": "http://x", "dag_id": "d-{model"}, ["dag_id", "brace"]),
        ({"kind": "alertmanager", "name": "a", "url": "http://x", "told": ["triggers"]}, ["told", "alerts"]),
        ({"kind": "command", "name": "c", "command": []}, ["command"]),
        ({"kind": "template", "name": "t", "url": "https://{model}.example.com/"}, ["url", "host"]),
        ({"kind": "template", "name": "t", "url": "https://x/", "form": {"a": "{b}"}}, ["{b}"]),
        ({"kind": "template", "name": "t", "url": "https://x/{secret}"}, ["secret"]),
        ({"kind": "template", "name": "t", "url": "https://x/", "json": {"a": ["{secret}"]}}, ["secret"]),
        ({"kind": "template", "name": "t", "url": "https://x/", "headers": {"Host": "y"}}, ["Host"]),
        ({"kind": "github", "name": "g", "repository": "models", "token_env": "CI_SECRET"}, ["repository"]),
        ({"kind": "github", "name": "g", "repository": "a/b", "ref": "x"}, ["workflow"]),
    ],
)
def test_a_mistake_is_named_with_its_sink_and_option(table: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(SettingError) as caught:
        load_settings(sinks=[table])
    assert caught.value.field == "sinks"
    for word in said:
        assert word in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_two_sinks_of_one_name_are_refused() -> None:
    with pytest.raises(SettingError, match="ci"):
        load_settings(sinks=[GOOD, GOOD])
    settings = load_settings(sinks=[{**GOOD, "name": "webhook"}], webhook_url="https://x/", webhook_secret=SECRET)
    with pytest.raises(SettingError, match="webhook"):
        sinks(settings)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"secret_env": "NOT_THERE"}, "sinks.ci.secret"),
        ({"secret_env": None, "secret_file": "/nowhere/at/all"}, "sinks.ci.secret"),
        ({"secret_env": None}, "sinks.ci.secret_file"),
        ({"ca_file": "/nowhere/at/all"}, "sinks.ci.ca_file"),
    ],
)
def test_what_is_not_there_is_said_before_the_service_starts(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingError) as caught:
        sinks(load_settings(sinks=[{**GOOD, **changed}]))
    assert caught.value.field == field


def test_the_settings_show_no_secret() -> None:
    settings = load_settings(sinks=[GOOD])
    assert SECRET not in repr(settings)
    assert SECRET not in repr(sinks(settings))


@pytest.mark.parametrize("url", ["https://x/#a", "https://x /", "x", "http://", "https://x:99999/"])
def test_addresses_that_cannot_work_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        checked_address(url)


def test_templates_have_the_fields_of_a_notice() -> None:
    assert checked_template("{model}-{retrain_id}") == "{model}-{retrain_id}"
    for text in ("{}", "{Model}", "{model.x}", "{0}", "}"):
        with pytest.raises(ValueError, match=r"no field|brace"):
            checked_template(text)


def test_every_kind_is_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs/sinks.md").read_text()
    for kind, sink in SINKS.items():
        assert f"| `{kind}` |" in text
        for option in sink.options.model_fields:
            if option in {"kind", "name", "told", "url", "ca_file", "timeout_seconds", "service_account"}:
                continue
            shown = {"json_body": "json"}.get(option, re_secret(option))
            assert f"`{shown}`" in text, f"{kind}: {option}"


def re_secret(option: str) -> str:
    for ending in ("_file", "_env"):
        if option.endswith(ending):
            return f"{option.removesuffix(ending)}_*"
    return option
