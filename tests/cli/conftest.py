import socket
import threading
import time
from collections.abc import Iterator

import pytest

from driftwatch.bootstrap import assemble
from driftwatch.settings import load_settings
from driftwatch.testing import MemoryLog, MemorySpool, MemoryState
from driftwatch.web.app import build_app
from driftwatch.web.server import server_of
from driftwatch.web.tokens import hash_of, new_token


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A service that wants a token: its address, and a token that is good for everything."""
    token = new_token()
    entry = {"name": "tests", "scopes": ["admin"], "hash": hash_of(token)}
    settings = load_settings(data=tmp_path_factory.mktemp("data"), tokens=[entry])
    service = assemble(settings, spool=MemorySpool(), log=MemoryLog(), state=MemoryState(), told={})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = server_of(build_app(service, settings))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", token
        server.should_exit = True
        thread.join(20)
    service.close()
