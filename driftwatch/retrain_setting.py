"""The table ``[retrain]`` of the settings: what is checked when the service starts, and the policy that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta, tzinfo
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, field_validator, model_validator

from driftwatch.core.quiet_hours import QuietHours, QuietSpan
from driftwatch.core.records import AlertKind, RetrainState
from driftwatch.core.retrain_policy import (
    DEFAULT_TIMEOUTS,
    AlertFires,
    AllOf,
    AnyOf,
    Condition,
    LabelVolume,
    ModelAge,
    QualityBelow,
    RetrainPolicies,
    RetrainPolicy,
)
from driftwatch.core.windows import parse_duration
from driftwatch.errors import DriftwatchError, InputError
from driftwatch.setting_types import Duration

_KINDS = tuple(kind.value for kind in AlertKind)
_REMEDY = (
    f'Write a kind of alert ({", ".join(_KINDS)}) or a table: {{ measure = "mae", worse_by = "20%" }}, '
    '{ estimated = "mae", worse_by = "20%" }, '
    '{ age = "90d" }, { labels = 10000 }, { all = [...] }, { any = [...] }.'
)


def _condition(value: Any, *, nested: bool = False) -> Condition:
    if isinstance(value, str):
        if value not in _KINDS:
            raise InputError(f"{value!r} is no condition.", remedy=_REMEDY)
        return AlertFires(AlertKind(value))
    match value:
        case {"measure": str(measure), "worse_by": (str() | float() | int()) as by} if len(value) == 2:
            return QualityBelow.parse(measure, by)
        case {"estimated": str(measure), "worse_by": (str() | float() | int()) as by} if len(value) == 2:
            return QualityBelow.parse(measure, by, estimated=True)
        case {"age": str(age)} if len(value) == 1:
            return ModelAge(parse_duration(age))
        case {"labels": int(labels)} if len(value) == 1 and labels > 0 and not isinstance(labels, bool):
            return LabelVolume(labels)
        case {"all": list(inner)} if len(value) == 1 and inner and not nested:
            return AllOf(tuple(_condition(one, nested=True) for one in inner))
        case {"any": list(inner)} if len(value) == 1 and inner and not nested:
            return AnyOf(tuple(_condition(one, nested=True) for one in inner))
    problem = "conditions nest one level only." if nested and isinstance(value, dict) else "is no condition."
    raise InputError(problem if nested else f"{value!r} {problem}", remedy=_REMEDY)


def _read(value: Any) -> Any:
    try:
        return _condition(value)
    except DriftwatchError as error:
        raise ValueError(str(error)) from error


def _states(value: Mapping[RetrainState, timedelta]) -> Mapping[RetrainState, timedelta]:
    for state, length in value.items():
        if state not in DEFAULT_TIMEOUTS:
            raise ValueError(f"{state.value} has no end; those that have: {', '.join(DEFAULT_TIMEOUTS)}")
        if length <= timedelta():
            raise ValueError(f"{state.value} must be more than nothing")
    return value


ConditionSetting = Annotated[Any, PlainValidator(_read)]


class RetrainRules(BaseModel):
    """When a retrain is asked for; what is left out is as it is for all models, or by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    any: tuple[ConditionSetting, ...] | None = Field(default=None, min_length=1, max_length=50)
    all: tuple[ConditionSetting, ...] | None = Field(default=None, min_length=1, max_length=50)
    windows: int | None = Field(default=None, ge=1, le=1_000)
    minimum_labels: int | None = Field(default=None, ge=0)
    cooldown: Duration | None = None
    daily_cap: int | None = Field(default=None, ge=1)
    quiet_hours: tuple[str, ...] | None = Field(default=None, max_length=50)
    time_zone: str | None = None
    dry_run: bool | None = None
    approval: bool | None = None
    timeouts: dict[RetrainState, Duration] = Field(default_factory=dict)
    watch_windows: int | None = Field(default=None, ge=1, le=1_000)

    @field_validator("quiet_hours")
    @classmethod
    def _are_hours(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        try:
            QuietHours(spans=tuple(map(QuietSpan.parse, value or ())))
        except DriftwatchError as error:
            raise ValueError(str(error)) from error
        return value

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str | None) -> str | None:
        if value is not None:
            _zone(value)
        return value

    @field_validator("timeouts")
    @classmethod
    def _have_ends(cls, value: dict[RetrainState, timedelta]) -> dict[RetrainState, timedelta]:
        return dict(_states(value))

    @model_validator(mode="after")
    def _one_of_both(self) -> RetrainRules:
        if self.any is not None and self.all is not None:
            raise ValueError("has both any and all: write { all = [...] } as one of any, or the other way round")
        return self

    def policy(self, general: RetrainPolicy) -> RetrainPolicy:
        """The policy that these rules make of another one."""
        when = general.when
        if self.any is not None:
            when = AnyOf(self.any)
        elif self.all is not None:
            when = AllOf(self.all)
        zone = _zone(self.time_zone) if self.time_zone is not None else general.zone
        quiet = general.quiet
        if self.quiet_hours is not None:
            quiet = QuietHours(spans=tuple(map(QuietSpan.parse, self.quiet_hours)), zone=zone)
        elif quiet is not None:
            quiet = QuietHours(spans=quiet.spans, zone=zone)
        return RetrainPolicy(
            when=when,
            windows=_chosen(self.windows, general.windows),
            minimum_labels=_chosen(self.minimum_labels, general.minimum_labels),
            cooldown=self.cooldown if self.cooldown is not None else general.cooldown,
            daily_cap=self.daily_cap if self.daily_cap is not None else general.daily_cap,
            quiet=quiet if quiet is not None and quiet.spans else None,
            zone=zone,
            dry_run=general.dry_run if self.dry_run is None else self.dry_run,
            approval=general.approval if self.approval is None else self.approval,
            timeouts={**general.timeouts, **self.timeouts},
            watch_windows=_chosen(self.watch_windows, general.watch_windows),
        )


class RetrainSetting(RetrainRules):
    """The rules of all models, and those that take their place for some, by name."""

    models: dict[str, RetrainRules] = Field(default_factory=dict)

    def policies(self, kinds: tuple[AlertKind, ...], cooldown: timedelta) -> RetrainPolicies:
        """The policies.

        Parameters
        ----------
        kinds, cooldown
            Of the short settings: they hold where the table says nothing.
        """
        short = RetrainPolicy(when=AnyOf(tuple(map(AlertFires, kinds))), cooldown=cooldown)
        general = self.policy(short)
        return RetrainPolicies(general=general, models={name: one.policy(general) for name, one in self.models.items()})


def _chosen(given: int | None, general: int) -> int:
    return general if given is None else given


def _zone(name: str) -> tzinfo:
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}: write one such as Europe/Berlin") from None


__all__ = ["RetrainRules", "RetrainSetting"]
