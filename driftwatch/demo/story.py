"""The main job, end to end: a model goes stale, is noticed, is retrained, and is well again."""

from __future__ import annotations

import base64
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import pandas as pd
from rich.console import Console
from sklearn.pipeline import Pipeline

import driftwatch
from driftwatch.capture.wrapper import Watched
from driftwatch.demo.counting import count_kept
from driftwatch.demo.flights import FEATURES, between, load_flights
from driftwatch.demo.modelling import baseline_of, fit
from driftwatch.demo.progress import display
from driftwatch.demo.receiver import RetrainReceiver
from driftwatch.demo.replay import Replay
from driftwatch.demo.retraining import MODELS, Trainer
from driftwatch.demo.rival import VERSION as RIVAL
from driftwatch.demo.rival import Rival
from driftwatch.demo.service import ServiceProcess, free_port
from driftwatch.demo.summary import ALONE, SERVED, YEAR_END, Replayed, show
from driftwatch.errors import SettingError

MODEL = "flights"
FIRST_VERSION = "1"
TRAIN_FROM = pd.Timestamp("2013-01-01", tz="UTC")
HOLDOUT_FROM = pd.Timestamp("2013-02-15", tz="UTC")
LIVE_FROM = pd.Timestamp("2013-03-01", tz="UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user asked for: to end by itself, a port, a folder that is kept, and how far to replay.

    Raises
    ------
    SettingError
        For a day outside the replay.
    """

    once: bool = False
    port: int | None = None
    data: Path | None = None
    until: datetime = YEAR_END

    def __post_init__(self) -> None:
        if not LIVE_FROM < self.until <= YEAR_END:
            raise SettingError(
                f"{self.until:%Y-%m-%d} is outside the replay.",
                field="--until",
                remedy=f"Choose a day after {LIVE_FROM:%Y-%m-%d}, {YEAR_END:%Y-%m-%d} at the latest.",
            )


def run(wishes: Wishes, out: Console, progress: Console) -> bool:
    """Tell the story; answers whether it happened.

    The summary goes to ``out``, everything on the way to ``progress``. Unless it is to end by itself, the service
    stays up until Ctrl-C, which ends it in order.

    Raises
    ------
    InputError
        The data set is not installed, the folder holds something, or the port is taken.
    ServiceUnavailable
        The service does not start or does not come back.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        folder = stack.enter_context(_folder(wishes.data))
        port = _port(wishes.port)
        flights = load_flights()
        first = fit(between(flights, TRAIN_FROM, LIVE_FROM), HOLDOUT_FROM)
        progress.print(
            f"Fitted on {len(first.train):,} flights; held out {len(first.holdout):,}, mean error "
            f"{first.holdout_error:.1f} min.",
            highlight=False,
        )
        client = stack.enter_context(driftwatch.Client(f"http://127.0.0.1:{port}"))
        model = driftwatch.watch(first.model, url=client.url, name=MODEL, model_version=FIRST_VERSION)
        stack.callback(model.close, timeout_seconds=0)
        trainer = Trainer(client, folder, FIRST_VERSION, partial(_switch, model))
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        receiver = stack.enter_context(RetrainReceiver(secret, trainer))
        settings = {"DRIFTWATCH_WEBHOOK_URL": receiver.url, "DRIFTWATCH_WEBHOOK_SECRET": secret}
        service = stack.enter_context(ServiceProcess(folder, port, settings))
        client.register(baseline_of(first, MODEL, FIRST_VERSION))
        rival = Rival(between(flights, TRAIN_FROM, LIVE_FROM), HOLDOUT_FROM, client, MODEL)
        stack.callback(rival.close)
        rival.register()
        until = pd.Timestamp(wishes.until)
        with display(progress, days=(until - LIVE_FROM).days) as shown:
            shown.say(f"The service is at {service.url}, its process is {service.pid}, its data are in {folder}")
            served = Replay(model, MODEL, client, service, rival).run(flights, LIVE_FROM, until, shown)
        live = between(flights, LIVE_FROM, until)
        kept, kept_twice = count_kept(client, MODEL, folder, RIVAL)
        replayed = Replayed(
            flights=live.assign(**{ALONE: first.model.predict(live[FEATURES]), SERVED: served.loc[live.index]}),
            until=wishes.until,
            alerts=client.alerts(),
            retrains=client.retrains(),
            trainings=tuple(trainer.runs),
            shadows=rival.compared(),
            kept=kept,
            kept_twice=kept_twice,
            seconds=time.monotonic() - started,
        )
        happened = show(replayed, out)
        if wishes.data is not None or not wishes.once:
            out.print(f"\nModels and their cards are in {folder / MODELS}", highlight=False)
        out.print(f"\nStatus page {service.url}/    metrics {service.url}/metrics", highlight=False)
        if not wishes.once:
            _stay(service, out)
    return happened


def _switch(model: Watched, new: Pipeline, version: str) -> None:
    model.switch(new, model_version=version)


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    """The folder that was asked for, which stays, or one that is gone in the end."""
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="driftwatch-demo-", ignore_cleanup_errors=True) as made:
            yield Path(made)
        return
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        used = any(wanted.iterdir())
    except OSError as error:
        raise SettingError(f"{wanted} cannot be used ({error.strerror}).", field="--data") from error
    if used:
        raise SettingError(f"{wanted} is not empty.", field="--data", remedy="Name a folder that is new or empty.")
    yield wanted.resolve()


def _port(wanted: int | None) -> int:
    if wanted is None:
        return free_port()
    if free_port(wanted) != wanted:
        raise SettingError(f"{wanted} is in use.", field="--port", remedy="Choose another, or leave it out.")
    return wanted


def _stay(service: ServiceProcess, out: Console) -> None:
    try:
        out.print("The service stays up until Ctrl-C.", highlight=False)
        while True:
            service.keep_running()
            time.sleep(0.5)
    except KeyboardInterrupt:
        return
