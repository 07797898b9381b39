"""``driftwatch token``, and what ``serve`` and the clients make of tokens."""

import os
import signal
import stat
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import driftwatch
from driftwatch import Client
from driftwatch.cli.app import app
from driftwatch.errors import FileError, InputError, ServiceRejected, SettingError
from driftwatch.settings import load_settings
from driftwatch.web.tokens import Scope, find, hash_of, new_token
from tests.cli.test_serve import free_port, refused, start, wait_until


def made(*arguments: str) -> tuple[str, str]:
    done = CliRunner().invoke(app, ["token", "new", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def test_a_new_token_is_printed_once_with_the_entry_that_the_service_knows_it_by() -> None:
    out, _ = made("--name", "flights-server", "--scopes", "ingest, read")
    token, _, entry = out.partition("\n")
    (known,) = load_settings(**tomllib.loads(entry)).tokens
    assert find([known.token()], token) is not None
    assert (known.name, known.scopes) == ("flights-server", {Scope.INGEST, Scope.READ})
    assert token not in entry


def test_files_hold_the_token_for_its_owner_alone_and_the_entries_for_the_service(tmp_path: Path) -> None:
    entries = tmp_path / "tokens.toml"
    for name in ("one", "two"):
        out, err = made("--name", name, "--secret-file", str(tmp_path / name), "--tokens-file", str(entries))
        assert "dw_" not in out + err
    known = [one.token() for one in load_settings(tokens_file=entries).tokens]
    for name in ("one", "two"):
        found = find(known, (tmp_path / name).read_text().strip())
        assert found is not None
        assert found.name == name
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_secret_file_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = CliRunner().invoke(app, ["token", "new", "--secret-file", str(tmp_path / "mine")])
    assert isinstance(done.exception, FileError)
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("scopes", ["", "everything", "read,write"])
def test_an_unknown_scope_is_named_with_those_there_are(scopes: str) -> None:
    done = CliRunner().invoke(app, ["token", "new", "--scopes", scopes])
    assert isinstance(done.exception, InputError)
    assert "ingest, read, metrics, admin" in str(done.exception)


def test_tokens_in_the_environment_and_in_the_file_are_all_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTWATCH_TOKENS", f'[{{"name": "a", "scopes": ["read"], "hash": "{hash_of("a")}"}}]')
    made("--name", "b", "--tokens-file", str(tmp_path / "tokens.toml"))
    assert [one.name for one in load_settings(tokens_file=tmp_path / "tokens.toml").tokens] == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "SECRET",
        '[[tokens]]\nname = "a"\nscopes = ["read"]\nhash = "SECRET"',
        '[[tokens]]\nname = "a"\nscopes = ["SECRET"]\nhash = ""',
        '[[tokens]]\nname = "a"\nscopes = []\nhash = ""',
        '[[tokens]]\ntoken = "SECRET"',
        'tokens = "SECRET"',
        "SECRET = " + "[" * 5_000,
    ],
)
def test_what_is_wrong_with_a_file_of_tokens_is_said_without_what_is_in_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    with pytest.raises(FileError, match=r"tokens\.toml") as caught:
        load_settings(tokens_file=path)
    assert "SECRET" not in str(caught.value)


def test_settings_that_are_nested_without_end_are_a_file_error(tmp_path: Path) -> None:
    path = tmp_path / "driftwatch.toml"
    path.write_text("max_models = " + "[" * 5_000)
    with pytest.raises(FileError, match=r"driftwatch\.toml: is no TOML"):
        load_settings(path)


def test_tokens_in_the_environment_that_are_no_json_are_a_setting_error_without_what_is_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DRIFTWATCH_TOKENS", "SECRET")
    with pytest.raises(SettingError, match="tokens: is no JSON") as caught:
        load_settings()
    assert "SECRET" not in str(caught.value)


@pytest.mark.slow
def test_serve_refuses_an_address_that_others_reach_without_tokens(tmp_path: Path) -> None:
    output = refused(tmp_path / "data", free_port(), DRIFTWATCH_HOST="0.0.0.0")
    assert "driftwatch token new" in output
    assert "--insecure" in output
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
@pytest.mark.parametrize("insecure", [True, False], ids=["insecure", "with tokens"])
def test_serve_says_what_it_means_to_listen_where_others_reach_it(tmp_path: Path, insecure: bool) -> None:
    port, token = free_port(), new_token()
    tokens = f'[{{"name": "a", "scopes": ["admin"], "hash": "{hash_of(token)}"}}]'
    settings = {"DRIFTWATCH_INSECURE": "true"} if insecure else {"DRIFTWATCH_TOKENS": tokens}
    process = start(tmp_path, port, DRIFTWATCH_HOST="0.0.0.0", **settings)
    try:
        with Client(f"http://127.0.0.1:{port}", token=token) as client:
            wait_until(client.ready)
            assert client.models() == []
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    assert ("INSECURE: whoever reaches 0.0.0.0 can read everything" in output) is insecure
    assert ("There is no TLS" in output) is not insecure
    assert token not in output


def token_file(path: Path, token: str) -> str:
    path.write_text(f"{token}\n")
    return str(path)


@pytest.mark.parametrize("how", ["argument", "DRIFTWATCH_TOKEN", "DRIFTWATCH_TOKEN_FILE"])
def test_a_client_shows_the_token_that_it_has(
    guarded: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    url, token = guarded
    if how == "DRIFTWATCH_TOKEN":
        monkeypatch.setenv(how, token)
    elif how == "DRIFTWATCH_TOKEN_FILE":
        monkeypatch.setenv(how, token_file(tmp_path / "token", token))
    with Client(url, token=token if how == "argument" else None) as client:
        assert client.models() == []


def test_a_client_without_a_token_is_told_what_is_missing(guarded: tuple[str, str]) -> None:
    with Client(guarded[0]) as client, pytest.raises(ServiceRejected, match="There is no token") as caught:
        client.models()
    assert caught.value.status == 401


@pytest.mark.parametrize("command", ["export", "replay"])
def test_commands_take_the_token_from_a_file(guarded: tuple[str, str], tmp_path: Path, command: str) -> None:
    url, token = guarded
    events = tmp_path / "events.csv"
    events.write_text("x,prediction\n1,1\n")
    arguments = [
        command,
        "--model",
        "nobody",
        "--url",
        url,
        *([str(events)] if command == "replay" else ["-o", "a.csv"]),
    ]
    without = CliRunner().invoke(app, arguments)
    assert "There is no token" in str(without.exception)
    given = CliRunner().invoke(app, [*arguments, "--token-file", token_file(tmp_path / "token", token)])
    assert "No model is called 'nobody'" in str(given.exception)


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak: x", "tokén"])
def test_a_token_that_no_header_can_hold_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(InputError) as caught:
        Client("http://127.0.0.1:1", token=token)
    assert token.strip() not in str(caught.value) or not token.strip()


def test_a_pickled_model_holds_no_token() -> None:
    import copy
    import pickle

    model = driftwatch.watch(sum, url="http://127.0.0.1:1", name="m", token="dw_SECRET")
    assert b"SECRET" not in pickle.dumps(model)
    assert "SECRET" not in repr(model)
    again = copy.deepcopy(model)
    assert again._options["token"] == "dw_SECRET"
    for one in (model, again):
        one.close(timeout_seconds=0)


def test_no_option_of_a_command_takes_a_token_itself() -> None:
    for command in ("export", "replay", "serve"):
        shown = (
            CliRunner().invoke(app, [command, "--help"], env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}).output
        )
        assert "--token " not in shown
