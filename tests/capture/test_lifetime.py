from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import driftwatch

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(driftwatch.__file__).parents[1])}


def run(code: str, url: str = "http://127.0.0.1:9") -> str:
    """Run code in an interpreter of its own; answers what it printed."""
    begin = f"""
import os, sys, warnings
from driftwatch.capture import BufferLimits, watch
warnings.filterwarnings("ignore", category=DeprecationWarning)  # Forking with threads is what is tried here.
model = watch(len, url={url!r}, name="m", limits=BufferLimits(linger_seconds=30.0, exit_seconds=5.0))
"""
    ended = subprocess.run(
        [sys.executable, "-c", begin + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=ENVIRONMENT,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def test_at_the_end_of_the_process_what_is_held_is_sent(service: Any) -> None:
    run("model([[1.0]])", service.url)
    assert [event["features"] for event in service.events] == [{"x0": 1.0}]


def test_a_process_ends_in_time_where_no_service_is() -> None:
    said = run("model([[1.0]])\nmodel._recorder.buffer.limits = BufferLimits(exit_seconds=3.0)")
    assert "predictions wait to be sent" in said
    assert "Traceback" not in said


def test_a_forked_child_sends_its_own_calls_and_not_the_parents(service: Any) -> None:
    run(
        """
        model([[1.0]])
        child = os.fork()
        if child == 0:
            assert model.dropped == {}
            model([[2.0]])
            assert model.flush()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        model([[3.0]])
        """,
        service.url,
    )
    sent = [[event["features"]["x0"] for event in request.json] for request in service.requests]
    assert sent == [[2.0], [1.0, 3.0]]
    assert len({event["prediction_id"] for event in service.events}) == 3


def test_a_child_forked_while_the_thread_sends_can_send_too(service: Any) -> None:
    run(
        """
        import threading
        model.flush()
        for turn in range(5):
            model([[float(turn)]])
            assert model.flush()
            child = os.fork()
            if child == 0:
                model([[100.0 + turn]])
                os._exit(0 if model.flush() else 1)
            assert os.waitpid(child, 0)[1] == 0
        """,
        service.url,
    )
    assert sorted(event["features"]["x0"] for event in service.events) == [0, 1, 2, 3, 4, 100, 101, 102, 103, 104]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_of_multiprocessing_sends_what_it_holds_at_its_end(service: Any, method: str, tmp_path: Any) -> None:
    script = tmp_path / "work.py"
    script.write_text(
        f"""
import multiprocessing, warnings
from driftwatch.capture import BufferLimits, watch
warnings.filterwarnings("ignore", category=DeprecationWarning)

def work(model):
    model([[2.0]])

if __name__ == "__main__":
    model = watch(len, url={service.url!r}, name="m", limits=BufferLimits(linger_seconds=30.0))
    model([[1.0]])
    child = multiprocessing.get_context({method!r}).Process(target=work, args=(model,))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert model.close()
"""
    )
    subprocess.run([sys.executable, str(script)], check=True, timeout=60, env=ENVIRONMENT)
    assert sorted(event["features"]["x0"] for event in service.events) == [1.0, 2.0]


def test_workers_of_joblib_send_what_they_predict(service: Any, tmp_path: Any) -> None:
    script = tmp_path / "work.py"
    script.write_text(
        f"""
import joblib
import numpy as np
from sklearn.linear_model import LinearRegression
from driftwatch.capture import BufferLimits, watch

model = LinearRegression().fit(np.array([[0.0], [1.0]]), np.array([0.0, 2.0]))
model = watch(model, url={service.url!r}, name="m", feature_names=["x"], limits=BufferLimits(linger_seconds=0.0))

def predict(model, value):
    return float(model.predict(np.array([[value]]))[0]), model.flush()

found = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(predict)(model, float(one)) for one in range(6))
assert [round(answer) for answer, _ in found] == [0, 2, 4, 6, 8, 10], found
assert all(sent for _, sent in found)
"""
    )
    subprocess.run([sys.executable, str(script)], check=True, timeout=120, env=ENVIRONMENT)
    assert sorted(event["features"]["x"] for event in service.events) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert len({event["prediction_id"] for event in service.events}) == 6


def test_a_model_that_nobody_holds_any_more_is_let_go() -> None:
    said = run(
        """
        import gc, weakref
        buffer = weakref.ref(model._recorder.buffer)
        del model
        gc.collect()
        print(buffer())
        """
    )
    assert said.strip() == "None"


def test_a_watched_model_brings_no_heavy_package_along() -> None:
    said = run(
        """
        model([[1.0]])
        model.flush(timeout_seconds=0.2)
        print(sorted({"numpy", "pandas", "pyarrow", "httpx", "sklearn"} & set(sys.modules)))
        model._recorder.buffer.limits = BufferLimits(exit_seconds=0.0)
        """
    )
    assert said.splitlines()[0] == "[]"
