"""Which half of which model's exchange an event of a logger is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from driftwatch.errors import UnknownModel
from driftwatch.pipeline.baselines import Baselines
from driftwatch.ports import HalfKind, LoggedHalf
from driftwatch.wire.cloudevents import CloudEvent
from driftwatch.wire.inference import usable_id

KINDS: Mapping[str, HalfKind] = {
    "org.kubeflow.serving.inference.request": HalfKind.REQUEST,
    "org.kubeflow.serving.inference.response": HalfKind.RESPONSE,
    "io.seldon.serving.inference.request": HalfKind.REQUEST,
    "io.seldon.serving.inference.response": HalfKind.RESPONSE,
    "io.seldon.serving.inference.feedback": HalfKind.FEEDBACK,
    "io.seldon.serving.feedback": HalfKind.FEEDBACK,
}
"""Types of events that say something of a prediction; all others are none of ours."""

USUAL_NAMES = ("{inferenceservicename}", "{modelid}", "{source}")
FIELD = re.compile(r"\{([a-z0-9]+)\}")
"""A field of a template."""

_OF_ONE_SERVER = ("namespace", "inferenceservicename", "component", "endpoint", "modelid")
"""A node of a Seldon graph, or a transformer before a predictor, shares its request's id with the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelNaming:
    """How the model of an event is found.

    Attributes
    ----------
    templates
        Such as ``{namespace}.{inferenceservicename}``: the first counts whose attributes the event has and that gives
        the name of a registered model. ``{source}`` is the last part of the source's path.
    models
        What such a name is called here, where it is called otherwise.
    """

    templates: tuple[str, ...] = USUAL_NAMES
    models: Mapping[str, str] = field(default_factory=dict)

    def model_of(self, event: CloudEvent, baselines: Baselines) -> str:
        """The first name that is a model's.

        Raises
        ------
        UnknownModel
            With the first name that the event has.
        """
        tried: list[str] = []
        given = {**event.attributes, "source": last_part(event.source)}
        for template in self.templates:
            if all(given.get(name) for name in FIELD.findall(template)):
                found = FIELD.sub(lambda one: given[one[1]], template)
                tried.append(self.models.get(found, found))
        for name in tried:
            try:
                baselines.get(name)
            except UnknownModel:
                continue
            return name
        raise UnknownModel((tried or [event.source])[0][:256])


def half_of(event: CloudEvent, kind: HalfKind, model: str, model_version: str, now: datetime) -> LoggedHalf:
    """The half that an event is, under the key of its exchange: source and id, and where in the server it was logged.

    Seldon's events have ids of their own; what they share is ``requestid``.
    """
    given = event.attributes
    exchange_id = given.get("requestid") or event.id
    parts = [model, model_version, event.source, exchange_id, *(given.get(one, "") for one in _OF_ONE_SERVER)]
    if kind is HalfKind.FEEDBACK:
        parts += ["feedback", event.id]
    return LoggedHalf(
        key=hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest(),
        kind=kind,
        model=model,
        model_version=model_version,
        prediction_id=usable_id(exchange_id) or hashlib.sha256(exchange_id.encode("utf-8", "replace")).hexdigest(),
        event_time=now if event.time is None else datetime.fromtimestamp(event.time, UTC),
        content_type=event.content_type[:256],
        protocol=given.get("protocol", "")[:64],
        body=event.data,
    )


def last_part(source: str) -> str:
    """Of a URI's path; empty where it has none.

    Examples
    --------
    >>> last_part("http://localhost:9081/"), last_part("/serving/iris"), last_part("iris")
    ('', 'iris', 'iris')
    """
    path = source.partition("://")[2].partition("/")[2] if "://" in source else source
    return path.partition("?")[0].rstrip("/").rpartition("/")[2]


__all__ = ["FIELD", "KINDS", "USUAL_NAMES", "ModelNaming", "half_of", "last_part"]
