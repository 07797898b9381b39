"""Speaks to a running service as a model server would, with nothing but the standard library.

    smoke.py reference FILE       write the reference of a small model, to fit a baseline on
    smoke.py first URL BASELINE   register the baseline, send predictions and labels, look at the answers
    smoke.py again URL            after a restart: everything that was acknowledged is still there

The service's token is in the file that DRIFTWATCH_TOKEN_FILE names. Ends with exit code 1 and one sentence where
something is not as it should be.
"""

from __future__ import annotations

import csv
import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MODEL = "smoke"
ROWS = 200
LABELLED = 150
PATIENCE_SECONDS = 60.0


def row(chance: random.Random) -> dict[str, Any]:
    """One customer, as the model sees it, with the model's answer and the truth."""
    tenure = round(chance.gammavariate(2.0, 12.0), 2)
    plan = chance.choice(["basic", "basic", "plus", "pro"])
    probability = round(min(0.95, max(0.05, 0.8 - tenure / 60 + (plan == "basic") * 0.1)), 4)
    return {
        "tenure_months": tenure,
        "monthly_fee": round(chance.gauss(40.0, 8.0), 2),
        "plan": plan,
        "predicted": int(probability > 0.5),
        "probability": probability,
        "churned": int(chance.random() < probability),
    }


def write_reference(path: Path) -> None:
    """Two thousand rows from the same source as the live ones."""
    chance = random.Random(1)
    rows = [row(chance) for _ in range(2_000)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


class Service:
    """The HTTP interface, as far as this script needs it."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        token = Path(os.environ["DRIFTWATCH_TOKEN_FILE"]).read_text().strip()
        self._headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        """Send a request; answers the status and the text, also of a refusal."""
        request = urllib.request.Request(  # the URL comes from the person who runs the script
            self._url + path, data=body, method=method, headers=self._headers
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_until_ready(self) -> None:
        """Ask ``/readyz`` until it says yes."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass  # nobody listens yet
            time.sleep(0.2)
        raise SystemExit(f"{self._url}/readyz did not answer 200 within {PATIENCE_SECONDS:.0f} seconds")

    def metric(self, name: str) -> float:
        """The sum of a metric's series of the model; 0 where it has none."""
        status, text = self.ask("GET", "/metrics")
        expect(status == 200, f"/metrics answered {status}")
        series = [line for line in text.splitlines() if line.startswith(name + "{") and f'model="{MODEL}"' in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in series)

    def wait_for_metric(self, name: str, wanted: float) -> None:
        """Ask ``/metrics`` until the metric has the wanted value."""
        end = time.monotonic() + PATIENCE_SECONDS
        while (found := self.metric(name)) != wanted and time.monotonic() < end:
            time.sleep(0.2)
        expect(found == wanted, f"{name} is {found:g}, not {wanted:g}")


def expect(fact: bool, otherwise: str) -> None:
    """End the script with a sentence where ``fact`` does not hold."""
    if not fact:
        raise SystemExit(f"smoke: {otherwise}")


def events() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Predictions over two days that lie some days back, and labels for most of them: the same ones at each call."""
    chance = random.Random(2)
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=7)
    predictions, labels = [], []
    for index in range(ROWS):
        customer = row(chance)
        moment = start + timedelta(days=2) * index / ROWS
        predictions.append(
            {
                "prediction_id": f"smoke-{index}",
                "event_time": moment.isoformat(),
                "features": {name: customer[name] for name in ("tenure_months", "monthly_fee", "plan")},
                "prediction": customer["predicted"],
                "score": customer["probability"],
            }
        )
        if index < LABELLED:
            label_time = (moment + timedelta(hours=2)).isoformat()
            labels.append({"prediction_id": f"smoke-{index}", "label": customer["churned"], "event_time": label_time})
    return predictions, labels


def send(service: Service, what: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Post one array, and answer what the service says of it."""
    status, text = service.ask("POST", f"/v1/models/{MODEL}/{what}", json.dumps(items).encode())
    expect(status == 202, f"POST {what} answered {status}: {text}")
    answer: dict[str, Any] = json.loads(text)
    expect(answer["rejected"] == [], f"{what} were rejected: {answer['rejected'][:2]}")
    return answer


def first(service: Service, baseline: Path) -> None:
    """Everything that a model server does on its first day."""
    service.wait_until_ready()
    status, text = service.ask("PUT", f"/v1/models/{MODEL}/baseline", baseline.read_bytes())
    expect(status in {200, 201, 204}, f"PUT baseline answered {status}: {text}")
    predictions, labels = events()
    answer = send(service, "predictions", predictions)
    expect(answer["accepted"] == ROWS, f"{answer['accepted']} of {ROWS} predictions were accepted")
    answer = send(service, "labels", labels)
    expect(answer["accepted"] == LABELLED, f"{answer['accepted']} of {LABELLED} labels were accepted")
    status, text = service.ask("POST", f"/v1/models/{MODEL}/predictions", b'{"features": {"plan": "basic"')
    expect(400 <= status < 500, f"broken JSON was answered with {status}")
    service.wait_for_metric("driftwatch_predictions_total", ROWS)
    look(service)


def again(service: Service) -> None:
    """What was acknowledged before the restart is known: the same predictions again are duplicates."""
    service.wait_until_ready()
    predictions, _ = events()
    answer = send(service, "predictions", predictions)
    expect(answer["duplicates"] == ROWS, f"{answer['duplicates']} of {ROWS} predictions were known after the restart")
    look(service)


def look(service: Service) -> None:
    """The answers to questions about the model."""
    for path in ("/healthz", "/", f"/v1/models/{MODEL}/baseline", f"/v1/models/{MODEL}/performance"):
        status, text = service.ask("GET", path)
        expect(status == 200, f"GET {path} answered {status}: {text[:200]}")
    status, text = service.ask("GET", f"/v1/models/{MODEL}/drift")
    expect(status == 200 and isinstance(json.loads(text), dict), f"GET drift answered {status}: {text[:200]}")


def main(arguments: list[str]) -> None:
    """Do what the command line says."""
    match arguments:
        case ["reference", path]:
            write_reference(Path(path))
        case ["first", url, baseline]:
            first(Service(url), Path(baseline))
        case ["again", url]:
            again(Service(url))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
