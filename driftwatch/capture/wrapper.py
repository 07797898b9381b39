"""``watch``: a model with the same methods, attributes and results, whose predictions are logged."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from driftwatch.capture.buffer import Buffer, BufferLimits
from driftwatch.capture.delivery import Delivery
from driftwatch.capture.events import Answer, Target
from driftwatch.capture.recorder import Recorder, Request
from driftwatch.capture.transport import Transport
from driftwatch.errors import InputError

_RECORDED = {"predict": Answer.PREDICTIONS, "predict_proba": Answer.PROBABILITIES, "__call__": Answer.PREDICTIONS}
_OWN = frozenset({"_recorder", "_options", "predict", "predict_proba", "_called"})
_GIVES_BACK_ITSELF = frozenset({"fit", "partial_fit", "set_params", "set_output"})
# Asked of the wrapper itself when it is copied or pickled, before it has a model to ask.
_NEVER_THE_MODELS = frozenset({"_recorder", "_options", "_called", "__copy__", "__deepcopy__", "__setstate__"})


def watch(  # noqa: PLR0913 - a model and where it is known are all that has no default
    model: Any,
    *,
    url: str,
    name: str,
    model_version: str | None = None,
    feature_names: Sequence[str] | None = None,
    classes: Sequence[object] | None = None,
    headers: Mapping[str, str] | None = None,
    token: str | None = None,
    ca: str | Path | None = None,
    timeout_seconds: float = 10.0,
    limits: BufferLimits | None = None,
) -> Watched:
    """Wrap a model so that what it predicts is logged by a driftwatch service.

    The call only copies the rows and the result and puts them into a bounded buffer; a background thread sends
    them. Whatever happens to the service, the model's results, exceptions and speed stay: when the buffer is
    full, the newest rows are dropped and counted in ``dropped``.

    ``predict``, ``predict_proba`` and calling the object are logged, one event a row. ``predict`` and
    ``predict_proba`` of the same rows, one right after the other in the same thread or task, make one event with
    both. From ``predict_proba`` alone the prediction is the class with the largest probability.

    For scikit-learn it is the estimator that it wraps: ``isinstance``, ``get_params``, pipelines. ``clone`` gives
    an unwatched clone, since what is cloned is trained and tried out, not in production. A pickle holds the model
    and the settings, without the token: the copy starts with an empty buffer, and finds its token in the environment.

    Parameters
    ----------
    model
        Anything with ``predict``, ``predict_proba``, or that can be called with rows: arrays of shape
        ``(n_rows, n_features)``, frames of pandas or Polars, Arrow tables, lists of lists or of mappings,
        mappings of columns.
    url
        The service, such as ``http://localhost:8000``.
    name
        The model's name there.
    model_version
        Its version; without one the service takes the one it was told last.
    feature_names
        The columns of rows that bring no names; by default ``feature_names_in_`` of the model, else ``x0``,
        ``x1``, ... Of a frame, only these columns are logged.
    classes
        The classes in the order of the probabilities; by default ``classes_`` of the model.
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
        For a URL that is none, an empty name, a token that cannot be sent, or an object that does not predict. Calls
        never raise this.
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
    """
    if not name:
        raise InputError("is empty.", field="name", remedy="Give the name under which the service knows the model.")
    if not any(callable(getattr(model, method, None)) for method in _RECORDED):
        raise InputError(
            f"an object of type {type(model).__qualname__} does not predict.",
            field="model",
            remedy="Give something with predict, predict_proba, or that can be called.",
        )
    options: dict[str, Any] = {
        "url": url,
        "name": name,
        "model_version": model_version,
        "feature_names": None if feature_names is None else tuple(str(one) for one in feature_names),
        "classes": None if classes is None else tuple(classes),
        "headers": None if headers is None else dict(headers),
        "token": token,
        "ca": ca,
        "timeout_seconds": timeout_seconds,
        "limits": limits or BufferLimits(),
    }
    watched: Watched = _class_for(type(model))(model, options)
    return watched


class Watched:
    """A model that is watched. Made by :func:`watch`; attributes that are not its own are the model's."""

    __slots__ = ("__weakref__", "_called", "_options", "_recorder", "predict", "predict_proba")

    _called: Callable[..., Any]
    _options: dict[str, Any]
    _recorder: Recorder

    def __init__(self, model: Any, options: dict[str, Any]) -> None:
        limits: BufferLimits = options["limits"]
        transport = Transport(
            options["url"],
            timeout_seconds=options["timeout_seconds"],
            headers=options["headers"],
            token=options["token"],
            ca=options["ca"],
        )
        delivery = Delivery(transport, options["name"], limits.batch_events)
        target = Target(
            model=model,
            model_version=options["model_version"],
            feature_names=options["feature_names"],
            classes=options["classes"],
        )
        self._options = options
        self._recorder = Recorder(target, Buffer(delivery, limits))
        self._record_methods()

    def request(
        self,
        *,
        ids: Iterable[str] | str | None = None,
        event_times: Iterable[object] | object | None = None,
        segments: Iterable[str] | str | None = None,
    ) -> Request:
        """Say what is known of the rows that are predicted inside a ``with`` block.

        Parameters
        ----------
        ids
            A prediction id a row; by default ids are made.
        event_times
            When it happened, a row or one for all rows: ``datetime``, pandas or NumPy times, RFC 3339 text or
            seconds since 1970. Without a time zone it is UTC. By default the time of the call.
        segments
            The named subset that a row belongs to, a row or one for all rows.

        Returns
        -------
        Request
            With ``prediction_ids``, readable in and after the block, from any thread.

        Examples
        --------
        >>> model = watch(sum, url="http://localhost:8000", name="total", feature_names=["a", "b"])
        >>> with model.request(ids="order-17", segments="DE") as request:
        ...     model([1.5, 2.0])
        3.5
        >>> request.prediction_ids
        ('order-17',)
        >>> model.close(timeout_seconds=0)
        False
        """
        return self._recorder.request(ids, event_times, segments)

    @property
    def last_prediction_ids(self) -> tuple[str, ...]:
        """The ids of the rows that this thread or task predicted last, in their order; empty before."""
        return self._recorder.last_prediction_ids

    @property
    def dropped(self) -> Counter[str]:
        """How many events never reached the service, by reason: see ``driftwatch.capture.Dropped``."""
        return self._recorder.buffer.dropped

    def switch(self, model: Any, *, model_version: str | None = None) -> None:
        """Let another model answer from now on: each call sees one of the two, with its own version.

        Settings given to :func:`watch` stay: feature names and classes that were given there are the new model's too.
        """
        self._options = {**self._options, "model_version": model_version}
        before = self._recorder.target
        self._recorder.target = Target(
            model=model,
            model_version=model_version,
            feature_names=before.feature_names,
            classes=before.classes,
        )
        self._record_methods()

    def flush(self, timeout_seconds: float = 10.0) -> bool:
        """Wait until what was recorded so far is sent; false if the time was too short."""
        return self._recorder.buffer.flush(timeout_seconds)

    def close(self, timeout_seconds: float = 10.0) -> bool:
        """Send what is recorded, and record no more; the model goes on. False if some could not be sent in time."""
        return self._recorder.buffer.close(timeout_seconds)

    def _record_methods(self) -> None:
        model = self._recorder.target.model
        for method, answer in _RECORDED.items():
            slot = "_called" if method == "__call__" else method
            if callable(getattr(model, method, None)):
                object.__setattr__(self, slot, self._recorder.recorded(method, answer))
            else:
                with suppress(AttributeError):
                    object.__delattr__(self, slot)

    def __getattr__(self, name: str) -> Any:
        if name in _NEVER_THE_MODELS:
            raise AttributeError(name)
        model = self._recorder.target.model
        value = getattr(model, name)
        if name in _RECORDED:
            return self._recorder.recorded(name, _RECORDED[name])
        if name in _GIVES_BACK_ITSELF and callable(value):
            return self._giving_back_itself(value)
        return value

    def _giving_back_itself(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            return self if result is self._recorder.target.model else result

        return called

    def __setattr__(self, name: str, value: object) -> None:
        if name in _OWN:
            object.__setattr__(self, name, value)
        else:
            setattr(self._recorder.target.model, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._recorder.target.model, name)

    def __dir__(self) -> list[str]:
        return sorted({*dir(type(self)), *dir(self._recorder.target.model)})

    def __repr__(self) -> str:
        return f"watch({self._recorder.target.model!r}, name={self._options['name']!r})"

    def __copy__(self) -> Watched:
        return _watched_again(self._recorder.target.model, self._options)

    def __deepcopy__(self, memo: dict[int, Any]) -> Watched:
        return _watched_again(copy.deepcopy(self._recorder.target.model, memo), self._options)

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        # A file of a model goes where no token should.
        return _watched_again, (self._recorder.target.model, {**self._options, "token": None})


def _watched_again(model: Any, options: dict[str, Any]) -> Watched:
    watched: Watched = _class_for(type(model))(model, options)
    return watched


def _call(self: Watched, *args: Any, **kwargs: Any) -> Any:
    return self._called(*args, **kwargs)


def _class(self: Watched) -> type:
    """What ``isinstance`` asks: for scikit-learn and others it is the model's own class."""
    kind: type = type(self._recorder.target.model)
    return kind


def _length(self: Watched) -> int:
    return len(self._recorder.target.model)


def _item(self: Watched, key: Any) -> Any:
    return self._recorder.target.model[key]


# Python looks these up in the class, so the class has them exactly where the model's has them.
_OPERATORS: dict[str, Callable[..., Any]] = {"__call__": _call, "__len__": _length, "__getitem__": _item}


def _class_for(kind: type) -> type[Watched]:
    # Not hasattr: every class can be called itself.
    known = {name for base in kind.__mro__ for name in vars(base)}
    operators = {name: operator for name, operator in _OPERATORS.items() if name in known}
    return type("Watched", (Watched,), {"__slots__": (), "__class__": property(_class), **operators})


__all__ = ["Watched", "watch"]
