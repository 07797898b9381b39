"""``watch``: where a model, or a function, begins to be logged."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from driftwatch.capture.arguments import parameters_of
from driftwatch.capture.buffer import BufferLimits
from driftwatch.capture.requests import Request, made_request
from driftwatch.capture.transport import usual_url
from driftwatch.capture.wrapper import RECORDED, Watched, watched_again
from driftwatch.errors import InputError


class Watch:
    """What ``driftwatch.watch`` is: called, it wraps a model; ``watch.request`` says what is known of rows."""

    __slots__ = ()

    @overload
    def __call__(
        self,
        model: Any,
        *,
        url: str | None = None,
        name: str | None = None,
        model_version: str | None = None,
        feature_names: Sequence[str] | None = None,
        classes: Sequence[object] | None = None,
        rows: str | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        ca: str | Path | None = None,
        timeout_seconds: float = 10.0,
        limits: BufferLimits | None = None,
    ) -> Watched: ...

    @overload
    def __call__(
        self,
        model: None = None,
        *,
        url: str | None = None,
        name: str | None = None,
        model_version: str | None = None,
        feature_names: Sequence[str] | None = None,
        classes: Sequence[object] | None = None,
        rows: str | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        ca: str | Path | None = None,
        timeout_seconds: float = 10.0,
        limits: BufferLimits | None = None,
    ) -> Callable[[Any], Watched]: ...

    def __call__(  # noqa: PLR0913 - each has a default
        self,
        model: Any = None,
        *,
        url: str | None = None,
        name: str | None = None,
        model_version: str | None = None,
        feature_names: Sequence[str] | None = None,
        classes: Sequence[object] | None = None,
        rows: str | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        ca: str | Path | None = None,
        timeout_seconds: float = 10.0,
        limits: BufferLimits | None = None,
    ) -> Watched | Callable[[Any], Watched]:
        """Wrap a model so that what it predicts is logged by a driftwatch service.

        The call only copies the rows and the result and puts them into a bounded buffer; a background thread sends
        them. Whatever happens to the service, the model's results, exceptions and speed stay: when the buffer is
        full, the newest rows are dropped and counted in ``dropped``.

        ``predict``, ``predict_proba``, ``decision_function`` and calling the object are logged, one event a row; what
        has to be awaited is logged when it is there. Several of them on the same rows, one right after the other in
        the same thread or task, make one event with all that they say. From ``predict_proba`` alone the prediction is
        the class with the largest probability, from ``decision_function`` alone the class that it decides for.

        For scikit-learn it is the estimator that it wraps: ``isinstance``, ``get_params``, pipelines. ``clone`` gives
        an unwatched clone, since what is cloned is trained and tried out, not in production. A pickle holds the model
        and the settings, without the token: the copy starts with an empty buffer, and finds its token in the
        environment.

        Without a model it is a decorator, for a function or a coroutine function that predicts. Of one with a single
        parameter without a default, that one holds the rows; of one with several, all arguments together are one row.
        An answer that is a mapping has ``prediction`` and, where known, ``score`` in it.

        Parameters
        ----------
        model
            Anything with ``predict``, ``predict_proba``, ``decision_function``, or that can be called with rows:
            arrays of shape ``(n_rows, n_features)``, frames of pandas or Polars, Arrow tables, lists of lists or of
            mappings, mappings of columns, records with fields (data classes, pydantic's models).
        url
            The service, such as ``http://localhost:8000``, or ``unix:///run/driftwatch.sock``; by default what
            ``DRIFTWATCH_URL`` holds, else ``http://localhost:8000``.
        name
            The model's name there; by default a function's own.
        model_version
            Its version; without one the service takes the one it was told last.
        feature_names
            The columns of rows that bring no names; by default ``feature_names_in_`` of the model, else those of the
            baseline, else (where the token does not let it be read) ``x0``, ``x1``, ... Of a frame, only these columns
            are logged.
        classes
            The classes in the order of the probabilities; by default ``classes_`` of the model, else the baseline's.
        rows
            The name of the parameter that holds the rows, where it is not found as said above.
        headers
            Sent with every request, for a gateway in between.
        token
            Shown to the service, where it wants one; by default what ``DRIFTWATCH_TOKEN`` holds, or the file that
            ``DRIFTWATCH_TOKEN_FILE`` names.
        ca
            A PEM file with whom to trust over https; by default what ``DRIFTWATCH_CA`` names, else the machine's
            authorities.
        timeout_seconds
            How long the background thread waits for an answer.
        limits
            The bounds of the buffer.

        Returns
        -------
        Watched
            The model, wrapped. It has ``request``, ``last_prediction_ids``, ``switch``, ``flush``, ``close`` and
            ``dropped`` besides the model's own attributes.

        Raises
        ------
        InputError
            For a URL that is none, a name that is missing, a token that cannot be sent, an object that does not
            predict, or ``rows`` that is no parameter. Calls never raise this.
        FileError
            For a file of the token or of ``ca`` that cannot be read.

        Examples
        --------
        >>> class Doubler:
        ...     def predict(self, rows):
        ...         return [2 * row[0] for row in rows]
        >>> model = watch(Doubler(), url="http://localhost:8000", name="doubler", feature_names=["x"])
        >>> model.predict([[1.5], [2.0]])
        [3.0, 4.0]
        >>> len(model.last_prediction_ids)
        2
        >>> model.close(timeout_seconds=0)
        False

        >>> @watch(url="http://localhost:8000", name="loans")
        ... def risk(age, income):
        ...     return 1.0 if income < 1_000 * age else 0.0
        >>> risk(40, income=60_000)
        0.0
        >>> risk.close(timeout_seconds=0)
        False
        """
        options: dict[str, Any] = {
            "url": usual_url(url),
            "name": name,
            "model_version": model_version,
            "feature_names": None if feature_names is None else tuple(str(one) for one in feature_names),
            "classes": None if classes is None else tuple(classes),
            "rows": rows,
            "headers": None if headers is None else dict(headers),
            "token": token,
            "ca": ca,
            "timeout_seconds": timeout_seconds,
            "limits": limits or BufferLimits(),
        }
        if model is None:
            return lambda function: _watched(function, options)
        return _watched(model, options)

    def request(
        self,
        *,
        id: str | None = None,
        ids: Iterable[str] | str | None = None,
        event_time: object | None = None,
        event_times: Iterable[object] | object | None = None,
        segment: str | None = None,
        segments: Iterable[str] | str | None = None,
    ) -> Request:
        """Say what is known of the rows that any watched model predicts inside a ``with`` block.

        Parameters
        ----------
        id, ids
            The prediction id of the row, or one a row; by default ids are made.
        event_time, event_times
            When it happened, a row or one for all rows: ``datetime``, pandas or NumPy times, RFC 3339 text or
            seconds since 1970. Without a time zone it is UTC. By default the time of the call.
        segment, segments
            The named subset that a row belongs to, a row or one for all rows.

        Returns
        -------
        Request
            With ``prediction_id`` and ``prediction_ids``, readable in and after the block, from any thread.

        Raises
        ------
        InputError
            If one is given for one row and for several, too.

        Examples
        --------
        >>> model = watch(sum, url="http://localhost:8000", name="total", feature_names=["a", "b"])
        >>> with watch.request(id="order-17") as request:
        ...     model([1.5, 2.0])
        3.5
        >>> request.prediction_id
        'order-17'
        >>> model.close(timeout_seconds=0)
        False
        """
        return made_request(
            None, id=id, ids=ids, event_time=event_time, event_times=event_times, segment=segment, segments=segments
        )


watch = Watch()
"""Wraps a model so that what it predicts is logged: see `Watch`."""


def _watched(model: Any, options: dict[str, Any]) -> Watched:
    if not any(callable(getattr(model, method, None)) for method in RECORDED):
        raise InputError(
            f"an object of type {type(model).__qualname__} does not predict.",
            field="model",
            remedy="Give something with predict, predict_proba, decision_function, or that can be called.",
        )
    rows = options["rows"]
    methods = [model if one == "__call__" else getattr(model, one, None) for one in RECORDED]
    if rows is not None and not any(
        parameter.name == rows for one in methods if callable(one) for parameter in parameters_of(one)
    ):
        raise InputError(f"there is no parameter {rows!r}.", field="rows", remedy="Name the one that has the rows.")
    name = options["name"]
    if name is None and inspect.isroutine(model) and model.__name__.isidentifier():
        name = model.__name__
    if not name:
        raise InputError("is missing.", field="name", remedy="Give the name under which the service knows the model.")
    return watched_again(model, {**options, "name": name})


__all__ = ["Watch", "watch"]
