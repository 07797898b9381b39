"""A model with the same methods, attributes and results, whose predictions are logged."""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from driftwatch.capture.buffer import Buffer, BufferLimits
from driftwatch.capture.delivery import Delivery
from driftwatch.capture.events import Answer, Target
from driftwatch.capture.recorder import Recorder
from driftwatch.capture.requests import Request, made_request
from driftwatch.capture.transport import Transport

RECORDED = {
    "predict": Answer.PREDICTIONS,
    "predict_proba": Answer.PROBABILITIES,
    "decision_function": Answer.DECISIONS,
    "__call__": Answer.PREDICTIONS,
}
"""The methods whose calls are logged, and what they give back."""

_OWN = frozenset({"_recorder", "_options", "predict", "predict_proba", "decision_function", "_called"})
_GIVES_BACK_ITSELF = frozenset({"fit", "partial_fit", "set_params", "set_output"})
# Asked of the wrapper itself when it is copied or pickled, before it has a model to ask.
_NEVER_THE_MODELS = frozenset({"_recorder", "_options", "_called", "__copy__", "__deepcopy__", "__setstate__"})


class Watched:
    """A model that is watched. Made by ``driftwatch.watch``; attributes that are not its own are the model's."""

    __slots__ = ("__weakref__", "_called", "_options", "_recorder", "decision_function", "predict", "predict_proba")

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
        self._recorder = Recorder(target, Buffer(delivery, limits), options["rows"])
        self._record_methods()

    if TYPE_CHECKING:

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            """Call the model, where it can be called."""
            ...

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
        """Say what is known of the rows that this model predicts inside a ``with`` block.

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
        >>> from driftwatch.capture import watch
        >>> model = watch(sum, url="http://localhost:8000", name="total", feature_names=["a", "b"])
        >>> with model.request(id="order-17", segment="DE") as request:
        ...     model([1.5, 2.0])
        3.5
        >>> request.prediction_id
        'order-17'
        >>> model.close(timeout_seconds=0)
        False
        """
        return made_request(
            self._recorder,
            id=id, ids=ids, event_time=event_time, event_times=event_times, segment=segment, segments=segments,
        )  # fmt: skip

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

        Settings given to ``watch`` stay: feature names and classes that were given there are the new model's too.
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
        for method in RECORDED:
            if callable(getattr(model, method, None)):
                self._record_method(method)
            else:
                with suppress(AttributeError):
                    object.__delattr__(self, _slot(method))

    def _record_method(self, name: str) -> Any:
        recorded = self._recorder.recorded(name, RECORDED[name])
        object.__setattr__(self, _slot(name), recorded)
        return recorded

    def __getattr__(self, name: str) -> Any:
        if name in _NEVER_THE_MODELS:
            raise AttributeError(name)
        model = self._recorder.target.model
        value = getattr(model, name)
        if name in RECORDED and callable(value):
            return self._record_method(name)
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
        return watched_again(self._recorder.target.model, self._options)

    def __deepcopy__(self, memo: dict[int, Any]) -> Watched:
        return watched_again(copy.deepcopy(self._recorder.target.model, memo), self._options)

    def __reduce_ex__(self, protocol: object) -> str | tuple[Any, ...]:
        model = self._recorder.target.model
        # A decorated function is found under its own name, where it is a module's.
        name = getattr(model, "__qualname__", None)
        if name is not None and getattr(sys.modules.get(model.__module__), name, None) is self:
            return str(name)
        # A file of a model goes where no token should.
        return watched_again, (model, {**self._options, "token": None})


def _slot(method: str) -> str:
    return "_called" if method == "__call__" else method


def watched_again(model: Any, options: dict[str, Any]) -> Watched:
    """Watch a model, with everything that ``watch`` was told."""
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


def _bound(self: Watched, instance: object, owner: type | None = None) -> Any:
    """A watched function in the body of a class is a method."""
    return self if instance is None else MethodType(self, instance)


def _models(name: str) -> property:
    return property(lambda self: getattr(self._recorder.target.model, name))


# Python looks these up in the class, so the class has them exactly where the model's has them.
_OPERATORS: dict[str, Callable[..., Any]] = {
    "__call__": _call,
    "__len__": _length,
    "__getitem__": _item,
    "__get__": _bound,
}


def _class_for(kind: type) -> type[Watched]:
    # Not hasattr: every class can be called itself.
    known = {name for base in kind.__mro__ for name in vars(base)}
    operators: dict[str, Any] = {name: operator for name, operator in _OPERATORS.items() if name in known}
    if issubclass(kind, FunctionType):
        operators |= {"__doc__": _models("__doc__"), "__module__": _models("__module__")}
    return type("Watched", (Watched,), {"__slots__": (), "__class__": property(_class), **operators})


__all__ = ["RECORDED", "Watched", "watched_again"]
