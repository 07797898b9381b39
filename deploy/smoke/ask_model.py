"""Asks the compose file's model for a prediction, and waits until driftwatch has counted it.

ask_model.py MODEL_URL DRIFTWATCH_URL TOKEN_FILE
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PATIENCE_SECONDS = 30.0
PATIENT = {
    "age": 59, "sex": 2, "bmi": 32.1, "bp": 101, "s1": 157, "s2": 93.2, "s3": 38, "s4": 4, "s5": 4.86, "s6": 87,
}  # fmt: skip


def main(model_url: str, driftwatch_url: str, token_file: str) -> None:
    """Predict for two patients; both must show up in the metrics, which want a token."""
    metrics = urllib.request.Request(f"{driftwatch_url}/metrics")
    try:
        urllib.request.urlopen(metrics, timeout=30)
    except urllib.error.HTTPError as refused:
        if refused.code != 401:
            raise
    else:
        raise SystemExit("smoke: driftwatch showed its metrics without a token")
    metrics.add_header("Authorization", f"Bearer {Path(token_file).read_text()}")
    request = urllib.request.Request(
        f"{model_url}/predict",
        data=json.dumps([PATIENT, PATIENT]).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        ids = json.loads(answer.read())["prediction_ids"]
    if len(set(ids)) != 2:
        raise SystemExit(f"smoke: two rows were predicted, with the ids {ids}")
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        with urllib.request.urlopen(metrics, timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        counted = [line for line in lines if line.startswith("driftwatch_predictions_total{") and "diabetes" in line]
        if sum(float(line.rsplit(" ", 1)[1]) for line in counted) == 2:
            return
        time.sleep(0.2)
    raise SystemExit(f"smoke: driftwatch did not count the model's two predictions within {PATIENCE_SECONDS:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
