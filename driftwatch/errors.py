"""The errors that driftwatch raises on purpose.

::

    DriftwatchError
    ├── InputError              what was given is wrong: names the field and what to do
    │   ├── ReferenceDataError  a reference that no baseline can be fitted from
    │   ├── BaselineError       a baseline document of another version, cut short or altered
    │   ├── EventError          one event that does not fit its model's schema
    │   ├── FileError           a file that is absent, unreadable or of an unknown kind
    │   ├── MeasureError        a measure of the user's own that fails, or cannot be had of these rows
    │   ├── SettingError        a setting with a value that cannot work
    │   └── RecipeError         a recipe for training that cannot work
    ├── UnknownModel            nobody registered a baseline under this name
    ├── UnknownVersion          the model is known, this version of it is not
    ├── UnknownRetrain          no retrain episode with this id
    ├── UnknownAlert            no alert with this id
    ├── UnknownMessage          no notification with this id
    ├── StateConflict           the wanted change does not follow from the present state
    ├── StoreError              a store cannot do its work
    │   ├── StoreFull           no room: try again later
    │   └── StoreInUse          another process holds the data folder
    ├── SinkError               a notification was not delivered
    │   ├── SinkUnavailable     it may work later: try again
    │   └── SinkRejected        it never will: do not try again
    ├── TrainingError           no model came of a training
    │   ├── TrainingStopped     the training guard stopped it: it can never be promoted
    │   ├── TrainingFailed      nothing that was tried could be fitted, or its rows are too few
    │   ├── RowsOpened          the test rows are touched once, and have been
    │   └── ModelStoreError     a stored model that is absent, altered, or not to be trusted
    └── ServiceError            a driftwatch service did not answer as it should
        ├── ServiceUnavailable  it could not be reached or asked to wait: try again
        └── ServiceRejected     it refused what was sent: do not try again

Every message is one sentence or two: what is wrong, then what to do about it.
"""

from __future__ import annotations


class DriftwatchError(Exception):
    """The root: catch it to catch everything that driftwatch raises on purpose."""


class InputError(DriftwatchError):
    """Something that was given is wrong.

    Parameters
    ----------
    problem
        What is wrong, in one sentence, without the field's name.
    field
        The column, JSON path, option or setting at fault, where there is one.
    remedy
        What to do about it.
    """

    def __init__(self, problem: str, *, field: str | None = None, remedy: str | None = None) -> None:
        self.problem = problem
        self.field = field
        self.remedy = remedy
        super().__init__(problem, field, remedy)

    def __str__(self) -> str:
        head = f"{self.field}: {self.problem}" if self.field else self.problem
        return f"{head} {self.remedy}" if self.remedy else head


class ReferenceDataError(InputError):
    """A reference that no baseline can be fitted from."""


class BaselineError(InputError):
    """A baseline document of another version, cut short or altered."""


class EventError(InputError):
    """One event that does not fit its model's schema."""


class FileError(InputError):
    """A file that is absent, unreadable or of an unknown kind."""


class MeasureError(InputError):
    """A measure of the user's own that fails, or that cannot be had of these rows."""


class SettingError(InputError):
    """A setting with a value that cannot work."""


class RecipeError(InputError):
    """A recipe for training that cannot work."""


class UnknownModel(DriftwatchError):
    """Nobody registered a baseline under this name."""

    def __init__(self, model: str) -> None:
        self.model = model
        super().__init__(model)

    def __str__(self) -> str:
        return f"No model is called {self.model!r}. Register it with PUT /v1/models/{self.model}/baseline."


class UnknownVersion(DriftwatchError):
    """The model is known, this version of it is not."""

    def __init__(self, model: str, model_version: str) -> None:
        self.model = model
        self.model_version = model_version
        super().__init__(model, model_version)

    def __str__(self) -> str:
        return (
            f"Model {self.model!r} has no version {self.model_version!r}. "
            f"Register it with PUT /v1/models/{self.model}/baseline."
        )


class UnknownRetrain(DriftwatchError):
    """No retrain episode with this id."""

    def __init__(self, retrain_id: str) -> None:
        self.retrain_id = retrain_id
        super().__init__(retrain_id)

    def __str__(self) -> str:
        return f"No retrain has the id {self.retrain_id!r}. GET /v1/retrains lists them."


class UnknownAlert(DriftwatchError):
    """No alert with this id."""

    def __init__(self, alert_id: str) -> None:
        self.alert_id = alert_id
        super().__init__(alert_id)

    def __str__(self) -> str:
        return f"No alert has the id {self.alert_id!r}. GET /v1/alerts lists them."


class UnknownMessage(DriftwatchError):
    """No notification with this id."""

    def __init__(self, message_id: str) -> None:
        self.message_id = message_id
        super().__init__(message_id)

    def __str__(self) -> str:
        return f"No notification has the id {self.message_id!r}. GET /v1/outbox lists them."


class StateConflict(DriftwatchError):
    """The wanted change does not follow from the present state."""


class StoreError(DriftwatchError):
    """A store cannot do its work."""


class StoreFull(StoreError):
    """No room is left: try again later."""


class StoreInUse(StoreError):
    """Another process holds the data folder."""


class SinkError(DriftwatchError):
    """A notification was not delivered."""


class SinkUnavailable(SinkError):
    """The receiver may take it later: try again."""


class SinkRejected(SinkError):
    """The receiver never will take it: do not try again."""


class TrainingError(DriftwatchError):
    """No model came of a training."""


class TrainingStopped(TrainingError):
    """The training guard stopped it.

    Parameters
    ----------
    reason
        One of `driftwatch.training.guard.StopReason`.
    why
        The same in words.
    step
        The step with which it was stopped, from 1.
    """

    def __init__(self, reason: str, why: str, step: int) -> None:
        self.reason = reason
        self.why = why
        self.step = step
        super().__init__(reason, why, step)

    def __str__(self) -> str:
        return f"Training was stopped at step {self.step}: {self.why} ({self.reason})."


class TrainingFailed(TrainingError):
    """Nothing that was tried could be fitted, or its rows are too few."""


class RowsOpened(TrainingError):
    """The test rows are touched once, and have been."""


class ModelStoreError(TrainingError):
    """A stored model that is absent, altered, or not to be trusted."""


class ServiceError(DriftwatchError):
    """A driftwatch service did not answer as it should.

    Parameters
    ----------
    detail
        What the service said, or what went wrong on the way to it.
    field
        The field that the service named, where it named one.
    status
        The HTTP status of its answer, where there was one.
    """

    def __init__(self, detail: str, *, field: str | None = None, status: int | None = None) -> None:
        self.detail = detail
        self.field = field
        self.status = status
        super().__init__(detail, field, status)

    def __str__(self) -> str:
        return f"{self.field}: {self.detail}" if self.field else self.detail


class ServiceUnavailable(ServiceError):
    """The service could not be reached, or asked to wait: try again.

    ``retry_after_seconds`` is what it asked for, where it did.
    """

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        status: int | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail, field=field, status=status)
        self.retry_after_seconds = retry_after_seconds


class ServiceRejected(ServiceError):
    """The service refused what was sent: do not try again."""
