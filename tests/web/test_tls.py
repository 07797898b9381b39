"""TLS: what the service speaks, and whom its clients believe."""

import shutil
import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import driftwatch
from driftwatch import Client
from driftwatch.bootstrap import assemble
from driftwatch.cli.listening import tls_context
from driftwatch.errors import FileError, ServiceUnavailable, SettingError
from driftwatch.settings import load_settings
from driftwatch.testing import MemoryLog, MemorySpool, MemoryState
from driftwatch.web.app import build_app
from tests.web.conftest import served

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed here")


def self_signed(folder: Path, host: str, *, passphrase: str | None = None) -> tuple[Path, Path]:
    """A certificate for an address, and its key."""
    certificate, key = folder / f"{host}.pem", folder / f"{host}.key"
    kept = ["-noenc"] if passphrase is None else ["-passout", f"pass:{passphrase}"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", *kept]
    command += ["-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName=IP:{host}"]
    subprocess.run([*command, "-out", str(certificate), "-keyout", str(key)], check=True, capture_output=True)
    return certificate, key


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, document: str, pair: tuple[Path, Path]) -> Iterator[str]:
    settings = load_settings(data=tmp_path_factory.mktemp("data"))
    service = assemble(settings, spool=MemorySpool(), log=MemoryLog(), state=MemoryState(), told={})
    with served(build_app(service, settings), tls_context(*pair)) as address:
        yield address


def test_a_client_that_trusts_the_certificate_speaks_over_tls(url: str, pair: tuple[Path, Path], document: str) -> None:
    with Client(url, ca=pair[0]) as client:
        client.register(document)
        assert client.models()[0]["model"] == "flights"


def test_an_event_that_comes_whole_is_answered_with_the_header_of_tls(url: str, pair: tuple[Path, Path]) -> None:
    body = b'{"features":{"distance":800.0},"prediction":100.0}'
    head = b"POST /v1/models/flights/predictions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body)
    port = int(url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        ssl.create_default_context(cafile=str(pair[0])).wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.sendall(head + body)
        assert b"\r\nstrict-transport-security: " in secure.recv(65_536)


def test_the_authority_may_stand_in_the_environment(
    url: str, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTWATCH_CA", str(pair[0]))
    with Client(url) as client:
        assert client.ready()


def test_a_watched_model_is_logged_over_tls(url: str, pair: tuple[Path, Path], document: str) -> None:
    with Client(url, ca=pair[0]) as client:
        client.register(document)

    class Model:
        def predict(self, rows: Any) -> Any:
            return np.zeros(len(rows))

    model = driftwatch.watch(Model(), url=url, name="flights", ca=pair[0], feature_names=["distance", "carrier"])
    model.predict([[800.0, "AA"]])
    assert model.close()
    assert model.dropped.total() == 0


def test_a_certificate_that_nobody_vouches_for_is_refused(url: str) -> None:
    with Client(url) as client, pytest.raises(ServiceUnavailable, match="certificate verify failed"):
        client.models()


def test_a_certificate_of_another_name_is_refused(tmp_path: Path, document: str) -> None:
    certificate, key = self_signed(tmp_path, "127.0.0.2")
    settings = load_settings(data=tmp_path)
    service = assemble(settings, spool=MemorySpool(), log=MemoryLog(), state=MemoryState(), told={})
    with (
        served(build_app(service, settings), tls_context(certificate, key)) as address,
        Client(address, ca=certificate) as client,
        pytest.raises(ServiceUnavailable, match="IP address mismatch"),
    ):
        client.models()


def test_less_than_tls_1_2_is_refused(url: str, pair: tuple[Path, Path]) -> None:
    import socket

    old = ssl.create_default_context(cafile=str(pair[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    host, port = url.removeprefix("https://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain, server_hostname=host)


def test_browsers_are_told_to_keep_to_tls(url: str, pair: tuple[Path, Path], web: Any) -> None:
    import httpx

    with httpx.Client(verify=ssl.create_default_context(cafile=str(pair[0])), trust_env=False) as client:
        for path in ("/", "/healthz", "/v1/models", "/nothing"):
            assert "max-age=" in client.get(f"{url}{path}").headers["strict-transport-security"], path
    assert "strict-transport-security" not in web.client.get("/").headers


@pytest.mark.parametrize("which", ["another's key", "a key with a passphrase", "no PEM", "no file"])
def test_a_certificate_that_cannot_be_used_is_a_setting_error(
    tmp_path: Path, pair: tuple[Path, Path], which: str
) -> None:
    certificate, key = pair
    match which:
        case "another's key":
            key = self_signed(tmp_path, "127.0.0.3")[1]
        case "a key with a passphrase":
            certificate, key = self_signed(tmp_path, "127.0.0.3", passphrase="secret")
        case "no PEM":
            key = tmp_path / "key"
            key.write_text("no key")
        case _:
            key = tmp_path / "nothing"
    with pytest.raises(SettingError, match="tls_certificate: "):
        tls_context(certificate, key)


def test_a_certificate_without_its_key_is_a_setting_error(pair: tuple[Path, Path]) -> None:
    with pytest.raises(SettingError, match="tls_key: is missing"):
        load_settings(tls_certificate=pair[0])


def test_an_authority_that_is_no_file_of_certificates_is_a_file_error(tmp_path: Path) -> None:
    for name, text in (("nothing", None), ("text", "no certificate")):
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(FileError, match="is no file of certificates"):
            Client("https://127.0.0.1:1", ca=tmp_path / name)
