"""What every sink is told in the configuration, and what a kind of sink is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Generic, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from driftwatch.ports import MessageKind, Sink
from driftwatch.sinks.notice import FIELDS
from driftwatch.sinks.secret import Secret

_FIELD = re.compile(r"\{([a-z_]*)\}")


class Told(StrEnum):
    """What a sink is told of."""

    TRIGGERS = "triggers"
    ALERTS = "alerts"


TRIGGERS = frozenset({Told.TRIGGERS})
ALERTS = frozenset({Told.ALERTS})
EVERYTHING = TRIGGERS | ALERTS
_KINDS = {Told.TRIGGERS: MessageKind.RETRAIN, Told.ALERTS: MessageKind.ALERT}


def checked_address(url: str) -> str:
    """An ``http`` or ``https`` address without a user, a password or a fragment.

    Raises
    ------
    ValueError
        It is none; the text does not show it.

    Examples
    --------
    >>> checked_address("https://airflow.example.com/base")
    'https://airflow.example.com/base'
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and url.isprintable()
    except ValueError:
        usable, parts = False, urlsplit("")
    if not usable or " " in url:
        raise ValueError("must be an http or https address")
    if parts.username or parts.password:
        raise ValueError("must hold no user and no password: they belong into files or the environment")
    if parts.fragment:
        raise ValueError("must not end with a fragment (#)")
    return url


def checked_template(text: str) -> str:
    """A text with fields such as ``{model}``.

    Raises
    ------
    ValueError
        It has a field that there is not, or a brace alone.
    """
    for name in _FIELD.findall(text):
        if name not in FIELDS:
            raise ValueError(f"has no field {{{name}}}: there are {', '.join(sorted(FIELDS))}")
    if re.search("[{}]", _FIELD.sub("", text)):
        raise ValueError("has a brace that belongs to no field")
    return text


Address = Annotated[str, AfterValidator(checked_address)]
Template = Annotated[str, Field(min_length=1, max_length=4_096), AfterValidator(checked_template)]


class SinkOptions(BaseModel):
    """The table of one sink. Secrets are never in it: it names the files or environment variables that hold them."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: str
    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="What it is called in the history and in metrics."
    )
    told: frozenset[Told] = Field(TRIGGERS, min_length=1, description="What it is told of: triggers, alerts.")
    timeout_seconds: float = Field(10.0, gt=0, le=300, description="How long it is waited for.")

    @model_validator(mode="after")
    def _one_place_a_secret(self) -> Self:
        for name in type(self).model_fields:
            if name.endswith("_env") and getattr(self, name) is not None:
                file = f"{name.removesuffix('_env')}_file"
                if getattr(self, file) is not None:
                    raise ValueError(f"{file} and {name} are both given: one is enough")
        return self

    @property
    def takes(self) -> frozenset[MessageKind]:
        """What it is told of, as the outbox calls it."""
        return frozenset(_KINDS[one] for one in self.told)

    def secret(self, name: str) -> Secret | None:
        """The secret that ``NAME_file`` or ``NAME_env`` names; None where neither does."""
        file, variable = getattr(self, f"{name}_file"), getattr(self, f"{name}_env")
        return None if file is None and variable is None else Secret(name, file, variable)


class HttpOptions(SinkOptions):
    """The table of a sink that speaks HTTP to one address."""

    url: Address = Field(description="Its address.")
    ca_file: Path | None = Field(None, description="PEM file of the authorities that its certificate is of.")


OptionsT = TypeVar("OptionsT", bound=SinkOptions)


@dataclass(frozen=True, slots=True)
class SinkKind(Generic[OptionsT]):
    """One kind of sink.

    Attributes
    ----------
    title
        How it is called in the documentation.
    options
        What its table in the configuration may hold.
    make
        Makes one; raises `SettingError` or ``ValueError`` where it cannot work.
    """

    title: str
    options: type[OptionsT]
    make: Callable[[OptionsT], Sink]

    def made(self, table: Any) -> Sink:
        """A sink of its table.

        Raises
        ------
        pydantic.ValidationError, SettingError, ValueError
        """
        return self.make(self.options.model_validate(table))


__all__ = [
    "ALERTS",
    "EVERYTHING",
    "TRIGGERS",
    "Address",
    "HttpOptions",
    "SinkKind",
    "SinkOptions",
    "Template",
    "Told",
    "checked_address",
    "checked_template",
]
