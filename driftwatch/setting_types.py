"""What a setting can be: durations, lengths of windows, tokens, rules of privacy, tables of limits."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    field_validator,
)

from driftwatch.core.limits import Limits
from driftwatch.core.performance import MEASURES
from driftwatch.core.performance.business_value import BUSINESS_VALUE
from driftwatch.core.windows import parse_duration, parse_length
from driftwatch.errors import DriftwatchError
from driftwatch.pipeline.halves import FIELD
from driftwatch.sinks.options import SinkOptions
from driftwatch.web.tokens import MOST_TOKENS, Scope, Token, is_hash

_LONGEST = timedelta(days=36_500)


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except DriftwatchError as error:
            raise ValueError(str(error)) from error
    return value


def _no_less_than_nothing(value: timedelta) -> timedelta:
    if not timedelta() <= value <= _LONGEST:
        raise ValueError("must lie between nothing and a hundred years")
    return value


def _something(value: timedelta | int) -> timedelta | int:
    if isinstance(value, int):
        if value < 1:
            raise ValueError("must be at least one row")
    elif not timedelta() < value <= _LONGEST:
        raise ValueError("must be more than nothing, and at most a hundred years")
    return value


def _length(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a length such as '1d' or '1000 rows'")
    if isinstance(value, str):
        try:
            return parse_length(value)
        except DriftwatchError as error:
            raise ValueError(str(error)) from error
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_no_less_than_nothing)]
WindowLength = Annotated[timedelta | int, BeforeValidator(_length), AfterValidator(_something)]


class TokenSetting(BaseModel):
    """A token that the service knows, as ``driftwatch token new`` writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=128)
    scopes: frozenset[Scope] = Field(min_length=1)
    hash: str = Field(repr=False)

    @field_validator("hash")
    @classmethod
    def _of_a_token(cls, text: str) -> str:
        if not is_hash(text):
            raise ValueError("must be sha256: and 64 hexadecimal digits, as driftwatch token new prints it")
        return text

    def token(self) -> Token:
        """What the web knows of it."""
        return Token(self.name, self.scopes, self.hash)


class ColumnRules(BaseModel):
    """What becomes of features before anything is stored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    drop: frozenset[str] = frozenset()
    hash: frozenset[str] = frozenset()


class PrivacySetting(ColumnRules):
    """The rules of all models, and those that come on top for some, by name."""

    models: dict[str, ColumnRules] = Field(default_factory=dict)
    hash_key_file: Path | None = None


def _known_measures(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in MEASURES:
            raise ValueError(f"{name!r} is no measure; those that there are: {', '.join(MEASURES)}")
    return names


Measures = Annotated[tuple[str, ...], AfterValidator(_known_measures)]


def _unlike_measures(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name in MEASURES or name == BUSINESS_VALUE:
            raise ValueError(f"driftwatch has a measure {name!r}: name yours otherwise")
    return names


OwnMeasureNames = Annotated[tuple[str, ...], Field(max_length=20), AfterValidator(_unlike_measures)]

Tokens = Annotated[tuple[TokenSetting, ...], Field(max_length=MOST_TOKENS)]


class TokensFile(BaseModel):
    """A file of tokens and nothing else."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    tokens: Tokens


def _table(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("must be a table, such as { psi = 0.2 }")
    return value


def _templates(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        left = FIELD.sub("", name)
        if not name or "{" in left or "}" in left:
            raise ValueError("must be texts with fields such as {inferenceservicename}")
    return names


def _sink_tables(value: Any) -> tuple[SinkOptions, ...]:
    """Every table as the kind of sink that it names has it."""
    from driftwatch.sinks import SINKS

    if not isinstance(value, list | tuple):
        raise ValueError("must be tables, each begun by [[sinks]]")
    found: list[SinkOptions] = []
    for number, table in enumerate(value, 1):
        if isinstance(table, SinkOptions):
            found.append(table)
            continue
        if not isinstance(table, dict):
            raise ValueError(f"number {number} is no table")
        kind = SINKS.get(str(table.get("kind")))
        if kind is None:
            raise ValueError(f"number {number}: kind must be one of {', '.join(SINKS)}")
        try:
            found.append(kind.options.model_validate(table))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            problem = first["msg"].removeprefix("Value error, ")
            if first["type"] == "extra_forbidden":
                problem = f"there is no such option; there are {', '.join(sorted(kind.options.model_fields))}"
            raise ValueError(
                f"number {number} ({_shown_name(table)}): {place}: {problem}".replace(": :", ":")
            ) from None
    names = [one.name for one in found]
    twice = next((one for one in names if names.count(one) > 1), None)
    if twice is not None:
        raise ValueError(f"two are called {twice}: their names must differ")
    return tuple(found)


def _shown_name(table: dict[str, Any]) -> str:
    return str(table.get("name") or table.get("kind"))[:64]


Sinks = Annotated[tuple[SinkOptions, ...], Field(max_length=100), PlainValidator(_sink_tables)]

ModelNames = Annotated[tuple[str, ...], Field(min_length=1, max_length=16), AfterValidator(_templates)]


Table = Annotated[Limits, PlainValidator(_table)]
"""What is in it is checked where it is used: by `JudgePolicy`, which names the entry."""
