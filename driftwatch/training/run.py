"""A retrain from its rows to the new version: split, choose, open the test rows once, compare, promote or reject.

The order is the point: nothing before `_contest` sees a test row, nothing after it changes what was chosen. A training
that its guard stopped, fails or is interrupted reports ``failed`` and leaves nothing behind.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pandas as pd
import sklearn

import driftwatch
from driftwatch.core.records import RetrainState
from driftwatch.core.windows import parse_duration
from driftwatch.errors import DriftwatchError, ServiceError, TrainingFailed, TrainingStopped
from driftwatch.training.answers import Material
from driftwatch.training.champion_challenger import Costs, Decision, Reason, compare, decide
from driftwatch.training.champions import champion_of
from driftwatch.training.chosen import Chosen
from driftwatch.training.columns import Columns
from driftwatch.training.contest import gather, latency_ms
from driftwatch.training.estimators import starts_at_random
from driftwatch.training.fitting import Fitter, WholeFitter, configured, look_back, noted
from driftwatch.training.gradient import GradientFitter
from driftwatch.training.job import Job, Nobody, Outcome, Run, Service
from driftwatch.training.measures import measure_of
from driftwatch.training.model_card import DataFacts, ModelCard, TrainingFacts
from driftwatch.training.model_store import Draft, check_format
from driftwatch.training.new_baseline import new_baseline
from driftwatch.training.preparation import MODEL, build_pipeline
from driftwatch.training.recipe import FinalRows
from driftwatch.training.rows import Rows
from driftwatch.training.search import OnTrial, Search
from driftwatch.training.splits import Split, split
from driftwatch.training.switching import Promotion, run_switch
from driftwatch.training.watching import Watching

Says = Callable[[str], object]


def train(
    job: Job,
    service: Service | None = None,
    *,
    say: Says = lambda text: None,
    on_trial: OnTrial = lambda trial, share: None,
    switch: Callable[[Any, str], object] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Run:
    """Train, compare, and promote or reject.

    Parameters
    ----------
    job
        What is to be done.
    service
        Who is told; nobody where None.
    say
        Told in a line what is done now.
    on_trial
        Told of each trial of the search.
    switch
        Called with the new model and its version, for traffic that is switched in this process; besides the recipe's
        command.
    clock
        Where times come from.

    Raises
    ------
    RecipeError
        If the recipe does not fit the rows.
    TrainingFailed
        If no model came of it.
    ServiceError
        If the service does not take the baseline or the report.
    """
    told = service or Nobody()
    try:
        with failures_reported(told), ExitStack() as stack:
            return _Training(job, told, say, on_trial, switch, clock, stack).run()
    except TrainingStopped as stop:
        return Run(outcome=Outcome.STOPPED, reason=stop.reason, text=str(stop), version=job.version)


@contextmanager
def failures_reported(service: Service) -> Iterator[None]:
    """Tell the service that the retrain failed, whatever ends the block, and let it go on its way."""
    try:
        yield
    except BaseException as error:
        words = str(error) if isinstance(error, DriftwatchError) else f"{type(error).__name__}: {error}"
        if isinstance(error, KeyboardInterrupt):
            words = "interrupted"
        try:
            service.report(RetrainState.FAILED, words[:2_000])
        except ServiceError as second:
            error.add_note(f"The service could not be told: {second}")
        raise


@dataclass(slots=True)
class _Training:
    """One run, step by step."""

    job: Job
    service: Service
    say: Says
    on_trial: OnTrial
    switch: Callable[[Any, str], object] | None
    clock: Callable[[], datetime]
    stack: ExitStack

    def run(self) -> Run:
        """Everything, in order."""
        job, recipe = self.job, self.job.recipe
        check_format(recipe.output.format)
        build_pipeline(recipe, allowed=job.allowed)
        if job.version in job.store.versions():
            raise TrainingFailed(f"{job.store.path(job.version)} is there already. Give another version.")
        watching = Watching(recipe=recipe.guard, model=recipe.model)
        self.stack.callback(watching.close)
        self.service.report(RetrainState.TRAINING, f"on {job.source}")
        self.say(f"Reading {job.source} …")
        columns, parts = self._split()
        material = Material.of(parts.train, parts.validation, columns)
        self.say(
            f"{len(parts.train):,} rows to train on, {len(parts.validation):,} to choose by, "
            f"{parts.test.stretch.rows:,} to test with"
        )
        chosen = self._choose(material, watching)
        measured, final = self._final(material, chosen, watching)
        note = f"{recipe.measure} {chosen.value:.4g} on validation rows; test rows: {parts.test.stretch.rows:,}"
        self.service.report(RetrainState.EVALUATING, note)
        self.say(f"Chosen: {dict(chosen.parameters) or 'the recipe as it is'}; {note}")
        with job.store.draft(measured, recipe.output.format) as draft:
            test = parts.test.open(chosen)
            comparison = self._contest(material, test, measured, draft)
            decision = decide(comparison, recipe.promotion, chosen.certificate)
            card = self._card(material, parts, chosen, watching, comparison, decision, final[-1])
            if not decision.promoted:
                folder = job.store.keep_rejected(job.version, _documents(card))
                self.service.report(RetrainState.REJECTED, decision.text)
                return self._ended(Outcome.REJECTED, decision, folder, card)
            if recipe.output.final is not FinalRows.ALL:
                return self._promote(draft, measured, (material, measured, final, test), card)
        # Everything is decided: the same recipe is fitted on all rows, test rows too, and goes live.
        final = [*final, test]
        live = self._fit_on(material, chosen, final, watching)
        with job.store.draft(live, recipe.output.format) as draft:
            return self._promote(draft, live, (material, measured, final, test), card)

    def _split(self) -> tuple[Columns, Split]:
        recipe = self.job.recipe
        scratch = Path(self.stack.enter_context(TemporaryDirectory(prefix="driftwatch-")))
        first = next(iter(self.job.batches), None)
        if first is None:
            raise TrainingFailed(f"{self.job.source} has no rows.")
        columns = Columns.found(recipe.task, recipe.data, first.column_names)
        return columns, split(self.job.batches, columns, recipe.splits, scratch)

    def _choose(self, material: Material, watching: Watching) -> Chosen:
        recipe, job = self.job.recipe, self.job
        measure = measure_of(recipe.measure, recipe.task)
        make: Callable[..., Fitter] = GradientFitter if recipe.gradient is not None else WholeFitter
        search = Search(
            fitter=make(material, recipe, measure, watching, job.allowed),
            recipe=recipe.search,
            measure=measure,
            seed=recipe.seed,
            random_starts=starts_at_random(build_pipeline(recipe, allowed=job.allowed).named_steps[MODEL]),
            on_trial=self.on_trial,
            clock=self.clock,
        )
        return search.run()

    def _final(self, material: Material, chosen: Chosen, watching: Watching) -> tuple[Any, list[Rows]]:
        """The model that meets the test rows, and the rows that it is fitted on."""
        if self.job.recipe.output.final is FinalRows.TRAIN:
            return chosen.pipeline, [material.train]
        rows = [material.train, material.validation]
        return self._fit_on(material, chosen, rows, watching), rows

    def _fit_on(self, material: Material, chosen: Chosen, rows: list[Rows], watching: Watching) -> Any:
        frame = pd.concat([one.frame() for one in rows], ignore_index=True)
        pipeline = configured(self.job.recipe, chosen.parameters, chosen.seed, self.job.allowed)
        guard = watching.guard()
        with noted():
            pipeline.fit(frame[material.columns.features], material.target(frame))
        look_back(pipeline.named_steps[MODEL], guard)
        guard.certificate()
        return pipeline

    def _contest(self, material: Material, test: Rows, measured: Any, draft: Draft) -> Any:
        recipe = self.job.recipe
        measure = measure_of(recipe.measure, recipe.task)
        champion = champion_of(self.job, material)
        contest = gather(material, test, champion, measured, ranked=measure.needs_probabilities)
        few = next(test.batches(100))[material.columns.features]
        costs = Costs(latency_ms=latency_ms(measured, few), size_bytes=draft.manifest.size_bytes)
        return compare(contest, measure, recipe.promotion, champion=champion.name, costs=costs, seed=recipe.seed)

    def _card(  # noqa: PLR0917 - it is about all of them
        self,
        material: Material,
        parts: Split,
        chosen: Chosen,
        watching: Watching,
        comparison: Any,
        decision: Decision,
        latest: Rows,
    ) -> ModelCard:
        job, recipe = self.job, self.job.recipe
        takes_all = decision.promoted and recipe.output.final is FinalRows.ALL
        return ModelCard(
            model=recipe.model,
            model_version=job.version,
            created_at=self.clock(),
            task=recipe.task.value,
            measure=recipe.measure,
            estimator=recipe.estimator.name,
            features=tuple(material.columns.features),
            classes=material.classes.names,
            recipe=msgspec.to_builtins(recipe),
            data=DataFacts(
                source=job.source,
                train=parts.train.stretch,
                validation=parts.validation.stretch,
                test=parts.test.stretch,
                in_gaps=parts.in_gaps,
                unlabelled=parts.unlabelled,
                test_opened_at=parts.test.opened_at,
            ),
            training=TrainingFacts(
                parameters=dict(chosen.parameters),
                seed=chosen.seed,
                validation_value=chosen.value,
                trials=chosen.trials,
                spread=chosen.spread,
                out_of_time=chosen.out_of_time,
                epochs=chosen.epochs,
                guard_stops=tuple(one.value for one in watching.stops),
                notes=chosen.notes,
                final_rows=recipe.output.final.value,
                fitted_until=parts.test.stretch.last if takes_all else latest.stretch.last,
            ),
            comparison=comparison,
            decision=decision,
            evidence=job.evidence,
            software={
                "driftwatch": driftwatch.__version__,
                "scikit-learn": str(sklearn.__version__),
                "Python": platform.python_version(),
            },
        )

    def _promote(self, draft: Draft, live: Any, used: tuple[Material, Any, list[Rows], Rows], card: ModelCard) -> Run:
        """Baseline, folder, registration, switch, report: what can fail for others' reasons comes last."""
        job, recipe = self.job, self.job.recipe
        material, measured, fitted_on, test = used
        self.say("Fitting the new baseline …")
        baseline = new_baseline(
            material,
            live=live,
            reference=fitted_on,
            measured=measured,
            test=test,
            model=recipe.model,
            model_version=job.version,
            former=job.former,
            fitted_at=self.clock(),
            scratch=Path(self.stack.enter_context(TemporaryDirectory(prefix="driftwatch-"))),
        )
        documents = {**_documents(card), "baseline.json": baseline.to_json()}
        folder = job.store.publish(draft, job.version, documents)
        self.service.register(baseline)
        if self.switch is not None:
            self.switch(live, job.version)
        if recipe.output.switch:
            promotion = Promotion(
                model=recipe.model,
                model_version=job.version,
                former_version=job.former_version,
                folder=str(folder.resolve()),
                file=draft.manifest.file,
                sha256=draft.manifest.sha256,
                retrain_id=job.evidence.retrain_id if job.evidence is not None else None,
                reason=card.decision.text,
            )
            run_switch(recipe.output.switch, promotion, parse_duration(recipe.output.switch_timeout), job.base)
        self.service.report(RetrainState.PROMOTED, card.decision.text, job.version)
        return self._ended(Outcome.PROMOTED, card.decision, folder, card)

    def _ended(self, outcome: Outcome, decision: Decision, folder: Path, card: ModelCard) -> Run:
        return Run(
            outcome=outcome,
            reason=decision.reason.value,
            text=decision.text,
            version=self.job.version,
            folder=folder,
            card=card,
        )


def _documents(card: ModelCard) -> dict[str, str]:
    return {"card.json": card.to_json(), "card.md": card.to_markdown()}


__all__ = ["Job", "Nobody", "Outcome", "Reason", "Run", "Service", "failures_reported", "train"]
