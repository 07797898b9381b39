"""Every setting of the service: name, type, default, unit and help, in one table.

A value comes from, first to last: an option of ``driftwatch serve``, the environment (``DRIFTWATCH_...``), the TOML
file given with ``--config``, the default below.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, FiniteFloat, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from driftwatch.core.concept.memory import AfterAlarm
from driftwatch.core.evidence import FalseAlarmBudget
from driftwatch.core.performance import SHOWN_MEASURES
from driftwatch.core.policy import DEFAULT_SHARES, JudgePolicy
from driftwatch.core.records import AlertKind, ColumnKind
from driftwatch.core.retrain_policy import RetrainPolicies
from driftwatch.core.statistics import DEFAULT_STATISTICS
from driftwatch.core.thresholds import Tolerances
from driftwatch.core.windows import format_duration, parse_duration
from driftwatch.errors import FileError, InputError, SettingError
from driftwatch.pipeline.halves import USUAL_NAMES
from driftwatch.retrain_setting import RetrainSetting
from driftwatch.setting_types import (
    Duration,
    Measures,
    ModelNames,
    OwnMeasureNames,
    PrivacySetting,
    Sinks,
    Table,
    Tokens,
    TokenSetting,
    TokensFile,
    WindowLength,
)
from driftwatch.toml_lines import line_of

PREFIX = "DRIFTWATCH_"

_CONFIG: ContextVar[Path | None] = ContextVar("_CONFIG", default=None)
"""The TOML file of the settings that are being read."""


class Settings(BaseSettings):
    """All settings; see the module's text for where a value comes from."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, validate_default=True)

    data: Path = Field(Path("driftwatch-data"), description="Folder of the spool, the log and the state.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    unix_socket: Path | None = Field(
        None, description="Unix socket to listen on besides, without TLS: for processes that may open the file."
    )
    public_url: str = Field("", description="Address that links in notifications begin with; host and port by default.")

    tokens: Tokens = Field(
        (), repr=False, description="Who may ask, and for what: see security.md. `driftwatch token new` writes entries."
    )
    tokens_file: Path | None = Field(None, description="A TOML file with more tokens.")
    insecure: bool = Field(
        False, description="Listen on an address that others reach, without tokens: whoever reaches it may do anything."
    )
    tls_certificate: Path | None = Field(None, description="Certificate chain in PEM: the service speaks TLS.")
    tls_key: Path | None = Field(None, description="Its private key in PEM, without a passphrase.")

    window: WindowLength = Field(
        parse_duration("1d"), description="Length of a window: of event time, or a number of rows ('1000 rows')."
    )
    slide: WindowLength | None = Field(
        None, description="From one window's start to the next; the window by default. It divides the window."
    )
    slice: WindowLength | None = Field(
        None, description="What is profiled at once; the slide by default. It divides the slide."
    )
    lateness: Duration = Field(
        parse_duration("1h"), description="How long after its end a window stays open for late events."
    )
    label_wait: Duration = Field(parse_duration("36h"), description="How long after its end a window waits for labels.")
    keep: Duration = Field(
        parse_duration("7d"),
        description="How long after label_wait late rows are added to their window, which is judged again.",
    )
    again_after: Duration = Field(
        parse_duration("1min"), description="How long late rows and labels are gathered before that."
    )
    label_horizon: Duration = Field(
        parse_duration("90d"),
        description="How long predictions and labels wait for each other; up to a sixteenth longer.",
    )

    segments: tuple[str, ...] = Field(
        (), description="Columns whose values are segments with windows of their own, such as country=DE."
    )
    segment_values: tuple[str, ...] = Field(
        (), description="Values of an event's segment that are segments, too; 'any' for all."
    )
    max_segments: int = Field(20, ge=1, le=1_000, description="Most segments of a model.")

    false_alarms: str = Field(
        "1 per 90d", description="False-alarm budget of a model: '1 per 90d', '1 per 1000 windows'."
    )
    after_alarm: AfterAlarm = Field(
        AfterAlarm.HOLD,
        description="Concept drift: hold until rows are as before, or rebase: the rows since the change are what is.",
    )
    quality_ratio: float = Field(1.25, gt=1, description="A mean loss above this times the reference's is drift.")
    shares: dict[AlertKind, float] = Field(
        dict(DEFAULT_SHARES), description="How the kinds of alert divide the budget, as relative weights; 0 mutes one."
    )
    statistics: dict[ColumnKind, tuple[str, ...]] = Field(
        dict(DEFAULT_STATISTICS), description="What is measured, by kind of column: numeric, categorical, boolean."
    )
    tolerances: Table = Field(
        {}, description="Scores that nobody needs to act on, by statistic: psi = 0.2, or amount.psi = 0.1 for a column."
    )
    thresholds: Table = Field(
        {}, description="Likewise, scores above which is drift, evidence or not; these are outside the budget."
    )
    p_values: Table = Field(
        {}, description="Likewise, p-values of the plain two-sample test below which is drift; outside the budget, too."
    )
    bonferroni: bool = Field(False, description="Divide the p_values by the number of such tests in a window.")
    minimum_rows: int = Field(
        30,
        ge=1,
        description="Fewer rows in a window say insufficient_data; 30 at least where natural variation is known.",
    )
    minimum_labels: int = Field(30, ge=2, description="Fewer labels in a window say insufficient_data.")
    own_measures: OwnMeasureNames = Field(
        (), description="Your own measures: names of entry points of the group driftwatch.measures; see quality.md."
    )
    values: dict[str, dict[str, dict[str, FiniteFloat]]] = Field(
        {}, description="What predictions are worth, by model, label, prediction: in place of what its baseline says."
    )
    measures: Measures = Field(
        SHOWN_MEASURES, description="Measures of quality on the metrics page: see quality.md. The API has all of them."
    )

    alert_windows: int = Field(
        1,
        ge=1,
        le=1_000,
        description="Windows in a row that must drift before an alert fires; it is pending until then.",
    )
    retrain_on: tuple[AlertKind, ...] = Field(
        (AlertKind.QUALITY, AlertKind.EXTERNAL),
        description="Kinds of alert that ask for a retrain: one is enough.",
    )
    retrain_cooldown: Duration = Field(parse_duration("7d"), description="How long no retrain follows another.")
    retrain: RetrainSetting = Field(
        RetrainSetting(), description="The whole policy, also by model, in place of the two above: see retraining.md."
    )
    retry_first: Duration = Field(
        parse_duration("1s"), description="How long after a failed delivery the next attempt is made; it doubles."
    )
    retry_longest: Duration = Field(parse_duration("15min"), description="The longest pause between two attempts.")
    retry_give_up: Duration = Field(
        parse_duration("24h"), description="How long after its first attempt a notification is given up."
    )
    webhook_url: str = Field("", description="Where retrain requests are posted to; empty for nowhere.")
    webhook_secret: SecretStr = Field(SecretStr(""), description="Signs the webhooks: whsec_ and base64.")

    sinks: Sinks = Field((), description="Who else is told, of retrains and alerts, and how: see sinks.md.")

    cloudevents_names: ModelNames = Field(
        USUAL_NAMES,
        description="What a CloudEvent's model is called, by its attributes; the first that is registered counts.",
    )
    cloudevents_models: dict[str, str] = Field(
        {}, description="Models that are registered under another name than that: name in the events = name here."
    )
    cloudevents_wait: Duration = Field(
        parse_duration("10min"), description="How long a request from a logger waits for its response, and vice versa."
    )
    cloudevents_halves: int = Field(100_000, ge=2, description="Most requests and responses that wait so.")
    cloudevents_bytes: int = Field(256 * 2**20, ge=2**20, description="Most bytes of them.")

    privacy: PrivacySetting = Field(
        PrivacySetting(), description="Features that are dropped or hashed before anything is stored: see security.md."
    )

    max_body_bytes: int = Field(32 * 2**20, ge=1_024, description="Largest request body, after inflation.")
    max_head_bytes: int = Field(32 * 2**10, ge=1_024, description="Largest address and headers of a request together.")
    max_headers: int = Field(100, ge=10, description="Most headers of a request.")
    max_features: int = Field(2_000, ge=1, description="Most features of an event.")
    max_models: int = Field(1_000, ge=1, description="Most models.")
    max_columns: int = Field(2_000, ge=1, description="Most columns of a baseline.")
    max_categories: int = Field(10_000, ge=1, description="Most categories of a column of a baseline.")
    max_extra_features: int = Field(
        100, ge=0, description="Most features of a model that are logged though its baseline does not know them."
    )
    max_series: int = Field(50_000, ge=1_000, description="Most series on the metrics page.")
    spool_rows: int = Field(20_000_000, ge=1_000, description="Most acknowledged rows that wait in the spool.")
    spool_bytes: int = Field(8 * 2**30, ge=2**20, description="Most bytes of events that wait in the spool.")
    disk_reserve_bytes: int = Field(
        64 * 2**20, ge=0, description="No events are taken where the disk has less free: room to empty the spool."
    )
    file_rows: int = Field(100_000, ge=1, description="Rows that wait in the spool when the log gets its next files.")
    file_age: Duration = Field(
        parse_duration("30s"), description="How long rows wait in the spool before the log gets them, however few."
    )
    log_keep: Duration = Field(
        parse_duration("400d"), description="How long the log keeps a day, behind how far its model's stream has come."
    )
    log_bytes: int = Field(
        0, ge=0, description="Most bytes of the log: the oldest days go, needed or not. 0 for no bound."
    )
    windows_keep: Duration = Field(
        parse_duration("400d"),
        description="How long judged windows, alerts, retrains and notifications are remembered, likewise.",
    )
    slices_keep: Duration = Field(
        parse_duration("100d"),
        description="How long profiles are kept, likewise; never less than their windows need: they wait for labels.",
    )
    log_day_files: int = Field(16, ge=2, description="So many small files of a day of the log become one.")
    duplicate_horizon: Duration = Field(parse_duration("7d"), description="How long a prediction_id is remembered.")
    ahead: Duration = Field(parse_duration("5min"), description="How far an event's time may lie in the future.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options, then the environment, then the TOML file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _CONFIG.get())


Defaults = Callable[[Settings], Mapping[str, Any]]
"""Given the settings as they were written, values for those that were not: see ``model_fields_set``."""


def load_settings(config: Path | None = None, *, defaults: Defaults | None = None, **options: Any) -> Settings:
    """Read all settings; options that are None count as not given.

    Parameters
    ----------
    config
        The TOML file.
    defaults
        Other defaults than the service's.
    **options
        Values that go before all others.

    Raises
    ------
    FileError
        The TOML file is absent or is no TOML.
    SettingError
        A value cannot work: the message names the setting and says what it takes.
    """
    if config is not None and not config.is_file():
        raise FileError("there is no such file.", field=str(config), remedy="Check --config.")
    before = _CONFIG.set(config)
    given = {name: value for name, value in options.items() if value is not None}
    try:
        settings = Settings(**given)
        if defaults is not None:
            written = settings.model_fields_set
            chosen = {name: one for name, one in defaults(settings).items() if name not in written}
            settings = Settings(**chosen, **given)
        budget = judge_policy(settings).budget
        budget.run_length(None if isinstance(settings.window, int) else settings.window.total_seconds())
    except ValidationError as error:
        raise _with_line(_setting_error(error), error.errors(include_input=False)[0]["loc"], config, given) from None
    except InputError as error:
        named = SettingError(error.problem, field=error.field, remedy=error.remedy)
        raise _with_line(named, tuple((error.field or "").split(".")), config, given) from None
    except SettingsError as error:
        name = next((one for one in Settings.model_fields if f'"{one}"' in str(error)), None)
        raise SettingError("is no JSON, which the environment has lists and tables in.", field=name) from None
    except (ValueError, RecursionError) as error:
        raise FileError(f"is no TOML: {error}.", field=str(config)) from None
    finally:
        _CONFIG.reset(before)
    if settings.tokens_file is not None:
        settings = settings.model_copy(update={"tokens": (*settings.tokens, *_tokens_of(settings.tokens_file))})
    if (settings.tls_certificate is None) is not (settings.tls_key is None):
        missing = "tls_key" if settings.tls_key is None else "tls_certificate"
        raise SettingError("is missing.", field=missing, remedy="TLS needs a certificate and its key.")
    return settings


def _with_line(
    error: SettingError, path: tuple[str | int, ...], config: Path | None, options: Mapping[str, Any]
) -> SettingError:
    """The error with the line of the TOML file that it is about, where the value comes from there."""
    name = str(path[0]) if path else ""
    if config is None or name in options or f"{PREFIX}{name.upper()}" in os.environ:
        return error
    line = line_of(config.read_text(encoding="utf-8"), path)
    if line is None:
        return error
    return SettingError(
        error.problem, field=error.field, remedy=" ".join(filter(None, (error.remedy, f"({config}, line {line})")))
    )


def _setting_error(error: ValidationError) -> SettingError:
    first = error.errors(include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"] if part != "[key]")
    if first["type"] == "extra_forbidden":
        return SettingError("there is no such setting.", field=name, remedy="See docs/settings.md.")
    field = Settings.model_fields.get(str(first["loc"][0]))
    help_text = f"It is: {field.description}" if field is not None else None
    if first["loc"][0] == "retrain":
        help_text = "See docs/retraining.md."
    problem = first["msg"].removeprefix("Value error, ").rstrip(".")
    return SettingError(f"{problem}.", field=name, remedy=help_text)


def _tokens_of(path: Path) -> tuple[TokenSetting, ...]:
    try:
        found = TokensFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise FileError(f"cannot be read ({error.strerror}).", field=str(path), remedy="Check tokens_file.") from None
    except ValidationError as error:
        found_error = _setting_error(error)
        raise FileError(
            f"{found_error.field}: {found_error.problem}", field=str(path), remedy="Check tokens_file."
        ) from None
    except (ValueError, RecursionError):
        # What a parser says of it might repeat a token that somebody put there.
        raise FileError("is no TOML.", field=str(path), remedy="Check tokens_file.") from None
    return found.tokens


def judge_policy(settings: Settings) -> JudgePolicy:
    """How windows are judged.

    Raises
    ------
    SettingError
        If what was asked for cannot be.
    """
    return JudgePolicy(
        budget=FalseAlarmBudget.parse(settings.false_alarms),
        shares={**DEFAULT_SHARES, **settings.shares},
        statistics=settings.statistics,
        tolerances=Tolerances.of(settings.tolerances),
        thresholds=settings.thresholds,
        p_values=settings.p_values,
        bonferroni=settings.bonferroni,
        quality_ratio=settings.quality_ratio,
        after_alarm=settings.after_alarm,
        minimum_rows=settings.minimum_rows,
        minimum_labels=settings.minimum_labels,
    )


def retrain_policies(settings: Settings) -> RetrainPolicies:
    """When a retrain is asked for, of all models and of some."""
    return settings.retrain.policies(settings.retrain_on, settings.retrain_cooldown)


def settings_table() -> list[tuple[str, str, str, str]]:
    """Name, variable, default and help of every setting, for the documentation."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = getattr(Settings.model_construct(), name)
        rows.append((name, f"{PREFIX}{name.upper()}", setting_text(default), field.description or ""))
    return rows


def setting_text(default: Any) -> str:
    """A value as the documentation has it."""
    match default:
        case timedelta():
            return format_duration(default)
        case tuple():
            return ", ".join(default)
        case dict():
            return "; ".join(f"{name} = {setting_text(value)}" for name, value in default.items())
        case bool():
            return str(default).lower()
        case SecretStr() | BaseModel() | None:
            return ""
        case _:
            return str(default)
