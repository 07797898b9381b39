"""The recipe: what is trained, on which columns, how it is searched, and when it may go live. A TOML file.

Unknown names, wrong types and values that cannot work are refused with the name of the field, before anything is read
or trained.
"""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from driftwatch.core.records import Task
from driftwatch.core.windows import parse_duration, parse_length
from driftwatch.errors import InputError, RecipeError
from driftwatch.training.guard import GuardLimits

Positive = Annotated[int, Meta(ge=1)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
_MODEL = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


class SearchMethod(StrEnum):
    """How hyperparameters are searched."""

    NONE = "none"
    GRID = "grid"
    RANDOM = "random"
    HALVING = "halving"
    OPTUNA = "optuna"


class BatchKind(StrEnum):
    """How many rows a gradient step sees."""

    FULL = "full"
    MINI = "mini"
    SINGLE = "single"


class ModelFormat(StrEnum):
    """How a model is written."""

    SKOPS = "skops"
    JOBLIB = "joblib"


class FinalRows(StrEnum):
    """Which rows the model that goes live is fitted on."""

    TRAIN = "train"
    TRAIN_AND_VALIDATION = "train_and_validation"
    ALL = "all"


class ChampionSource(StrEnum):
    """Where the champion's predictions on the test rows come from."""

    LOG = "log"
    STORE = "store"
    NONE = "none"


class EstimatorRecipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An estimator or transformer by its dotted name, with its parameters.

    A parameter that is itself a table with a ``name`` (and ``parameters``) is an estimator.
    """

    name: Name
    parameters: dict[str, Any] = {}


class DataRecipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which column is what; the defaults are those of the log.

    ``last`` is how far back from the end rows are taken (``"28d"``); all there are where it is None.
    """

    numeric: tuple[Name, ...] = ()
    categorical: tuple[Name, ...] = ()
    label: Name = "label"
    time: str = "event_time"
    label_time: str = "label_time"
    prediction: str = "prediction"
    scores: tuple[Name, ...] = ("score",)
    segments: tuple[Name, ...] = ()
    last: str | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """What the model sees."""
        return (*self.numeric, *self.categorical)

    @property
    def stretch(self) -> timedelta | None:
        """The length of ``last``."""
        return None if self.last is None else parse_duration(self.last)


class PreparationRecipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to the columns before the estimator; all of it is fitted on training rows only."""

    impute: str = "median"
    missing_indicator: bool = False
    scale: str = "standard"
    categories: str = "one_hot"
    most_categories: Positive = 1_000
    least_rows: Positive = 1


class SplitsRecipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How rows are split by time: by shares, or from these moments on.

    ``gap`` is left out before the validation rows and before the test rows: a time, or a number of rows where rows have
    no times.
    """

    train: Annotated[float, Meta(gt=0, lt=1)] = 0.6
    validation: Annotated[float, Meta(gt=0, lt=1)] = 0.2
    test: Annotated[float, Meta(gt=0, lt=1)] = 0.2
    validation_from: datetime | None = None
    test_from: datetime | None = None
    gap: str = "0s"


class SearchRecipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How hyperparameters are chosen, on validation rows."""

    method: SearchMethod = SearchMethod.NONE
    trials: Annotated[int, Meta(ge=1, le=100_000)] = 20
    budget: str | None = None
    factor: Annotated[int, Meta(ge=2, le=10)] = 3
    starts: Annotated[int, Meta(ge=1, le=100)] | None = None
    space: dict[str, Any] = {}


class GradientRecipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Gradient training by ``partial_fit``; memory holds ``buffer_rows``, whatever the number of rows."""

    batch: BatchKind = BatchKind.MINI
    rows: Positive = 256
    shuffle: bool = True
    buffer_rows: Positive = 65_536
    epochs: Positive = 20
    patience: Positive = 3
    least_improvement: Annotated[float, Meta(ge=0)] = 0.0


class GuardRecipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the training guard; see `driftwatch.training.guard.GuardLimits`."""

    clip_norm: float | None = None
    max_grad_norm: float | None = None
    explode_ratio: float = GuardLimits().explode_ratio
    explode_patience: int = GuardLimits().explode_patience
    vanish_ratio: float = GuardLimits().vanish_ratio
    vanish_patience: int = GuardLimits().vanish_patience
    loss_block: int = GuardLimits().loss_block
    loss_patience: int = GuardLimits().loss_patience
    metrics_file: str | None = None

    def limits(self) -> GuardLimits:
        """The limits."""
        return GuardLimits(**{name: getattr(self, name) for name in GuardLimits.__slots__})


class PromotionRecipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the challenger may take the champion's place.

    Attributes
    ----------
    measure
        One of `driftwatch.training.measures.MEASURES`; ``mae`` or ``error_rate`` where it is None.
    margin
        By how much it must be better, in units of the measure.
    confidence
        Of the interval of the difference, and of the checks of segments.
    segment_margin
        By how much it may be worse in a segment.
    calibration_margin
        By how much its calibration error may be larger.
    max_latency_ms, max_size_mb
        What a prediction of one row may take (where nothing else wants the processor), and the model's file; no limit
        where None.
    least_rows
        Fewer test rows decide nothing; fewer rows of a segment neither.
    """

    measure: str | None = None
    margin: Annotated[float, Meta(ge=0)] = 0.0
    confidence: Annotated[float, Meta(gt=0.5, lt=1)] = 0.95
    champion: ChampionSource | None = None
    segment_margin: Annotated[float, Meta(ge=0)] = 0.0
    calibration_margin: Annotated[float, Meta(ge=0)] = 0.05
    max_latency_ms: Annotated[float, Meta(gt=0)] | None = None
    max_size_mb: Annotated[float, Meta(gt=0)] | None = None
    least_rows: Annotated[int, Meta(ge=2)] = 100


class OutputRecipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the model goes, and how traffic is switched to it.

    ``switch`` is a command and its arguments, run without a shell; it reads what was promoted as JSON on its standard
    input, and ``switch_timeout`` is how long it may take.
    """

    folder: str = "models"
    format: ModelFormat = ModelFormat.SKOPS
    final: FinalRows = FinalRows.TRAIN
    switch: tuple[str, ...] = ()
    switch_timeout: str = "5min"


class Recipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a training is told.

    Examples
    --------
    >>> recipe = parse_recipe('''
    ... model = "flights"
    ... task = "regression"
    ... estimator = { name = "sklearn.linear_model.Ridge" }
    ... data = { numeric = ["distance"], categorical = ["carrier"] }
    ... ''')
    >>> recipe.model, recipe.splits.test, recipe.measure
    ('flights', 0.2, 'mae')
    """

    model: Annotated[str, Meta(pattern=_MODEL)]
    task: Task
    estimator: EstimatorRecipe
    data: DataRecipe
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    steps: tuple[EstimatorRecipe, ...] = ()
    preparation: PreparationRecipe = field(default_factory=PreparationRecipe)
    splits: SplitsRecipe = field(default_factory=SplitsRecipe)
    search: SearchRecipe = field(default_factory=SearchRecipe)
    gradient: GradientRecipe | None = None
    guard: GuardRecipe = field(default_factory=GuardRecipe)
    promotion: PromotionRecipe = field(default_factory=PromotionRecipe)
    output: OutputRecipe = field(default_factory=OutputRecipe)

    @property
    def measure(self) -> str:
        """The measure of quality by which everything is chosen."""
        return self.promotion.measure or ("mae" if self.task is Task.REGRESSION else "error_rate")


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe.

    Raises
    ------
    RecipeError
        If the file is absent, no TOML, or says something that cannot work.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"cannot be read ({error.strerror}).", field=str(path), remedy="Check the path.") from None
    except UnicodeDecodeError:
        raise RecipeError("is no text.", field=str(path)) from None
    return parse_recipe(text, source=str(path))


def parse_recipe(text: str, *, source: str = "recipe") -> Recipe:
    """A recipe from its text; see `read_recipe`."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"is no TOML: {error}.", field=source) from None
    try:
        recipe = msgspec.convert(document, Recipe)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at ")
        name = place.strip("`$.") or source
        raise RecipeError(f"{problem}.", field=name, remedy="docs/training.md lists what a recipe can say.") from None
    _check(recipe)
    return recipe


def _check(recipe: Recipe) -> None:
    """What types alone do not say."""
    from driftwatch.training.measures import measure_of

    data, splits = recipe.data, recipe.splits
    if not data.features:
        raise RecipeError("names no column.", field="data.numeric", remedy="Name the columns that the model sees.")
    roles = [*data.features, data.label]
    twice = next((name for name in roles if roles.count(name) > 1), None)
    if twice is not None:
        raise RecipeError("has two roles.", field=f"data: {twice}", remedy="Name each column once.")
    _of("preparation.impute", recipe.preparation.impute, ("median", "mean", "none"))
    _of("preparation.scale", recipe.preparation.scale, ("standard", "robust", "none"))
    _of("preparation.categories", recipe.preparation.categories, ("one_hot", "ordinal", "none"))
    if (splits.validation_from is None) != (splits.test_from is None):
        raise RecipeError("is alone.", field="splits", remedy="Give validation_from and test_from, or neither.")
    if abs(splits.train + splits.validation + splits.test - 1.0) > 1e-9:
        raise RecipeError("do not add up to 1.", field="splits.train, validation, test")
    _length("splits.gap", splits.gap)
    for name, text in (
        ("data.last", data.last),
        ("search.budget", recipe.search.budget),
        ("output.switch_timeout", recipe.output.switch_timeout),
    ):
        if text is not None and isinstance(_length(name, text), int):
            raise RecipeError(f"{text!r} is no length of time.", field=name, remedy="Write one such as 10min or 28d.")
    measure_of(recipe.measure, recipe.task)
    recipe.guard.limits()
    if recipe.gradient is not None and recipe.output.final is not FinalRows.TRAIN:
        raise RecipeError(
            "must be 'train' with gradient training, which stops early by the validation rows.", field="output.final"
        )
    if recipe.search.method not in {SearchMethod.NONE} and not recipe.search.space:
        raise RecipeError("is empty.", field="search.space", remedy="Say what to try, or leave the method out.")


def _of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise RecipeError(f"{value!r} is none of {', '.join(choices)}.", field=name)


def _length(name: str, text: str) -> Any:
    if text == "0s":
        return None
    try:
        return parse_length(text)
    except InputError as error:
        raise RecipeError(error.problem, field=name, remedy=error.remedy) from None


__all__ = ["Recipe", "parse_recipe", "read_recipe"]
