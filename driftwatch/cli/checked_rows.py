"""The rows that ``driftwatch check`` compares: from files, or from a service's log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftwatch.cli.files import read_baseline
from driftwatch.cli.logged import LogSource, Stretch
from driftwatch.cli.output import progress_notice
from driftwatch.core.multivariate.together import Choice
from driftwatch.errors import InputError, SettingError

if TYPE_CHECKING:
    import pyarrow as pa

    from driftwatch.comparison import Report
    from driftwatch.core.baseline import Baseline
    from driftwatch.core.judge import JudgePolicy

Prepared = Callable[["pa.Table"], "pa.Table"]
"""What is done with the rows of a file before they are looked at."""


def read_reference(path: Path, prepared: Prepared) -> tuple[Baseline, pa.Table | None]:
    """A baseline, and the rows where the file holds rows: all their columns are features then."""
    from driftwatch.core.baseline import Baseline
    from driftwatch.sources.files import EXTENSIONS, read_table

    if path.suffix.lower() not in EXTENSIONS:
        return read_baseline(path), None
    with progress_notice(f"Reading {path} …"):
        rows = prepared(read_table(path))
    with progress_notice(f"Fitting a baseline of {rows.num_rows:,} rows …"):
        return Baseline.fit(rows, keep_reference=True), rows


def chosen_joint_tests(texts: list[str], *, together: bool) -> Choice:
    """The tests of several columns, from texts such as ``mmd`` or ``correlation_change=0.2``.

    Raises
    ------
    SettingError
        If there is no such test, or a tolerance is no number of 0 or more.

    Examples
    --------
    >>> chosen_joint_tests(["mmd", "correlation_change=0.2"], together=True)
    {'mmd': 0.125, 'correlation_change': 0.2}
    """
    from driftwatch.core.multivariate.together import chosen_tests

    if not texts:
        return together
    tolerances: dict[str, float] = {}
    for text in texts:
        name, equals, number = text.partition("=")
        tolerances[name] = _number(number, text) if equals else chosen_tests(name)[0].tolerance
    return {test.name: test.tolerance for test in chosen_tests(tolerances)}


def _number(written: str, text: str) -> float:
    try:
        return float(written)
    except ValueError:
        raise SettingError(
            f"{text!r} has no number for a tolerance.", field="--joint-test", remedy="Write it like mmd=0.2."
        ) from None


@dataclass(frozen=True, kw_only=True)
class CheckedRows:
    """Which rows are compared with which.

    Attributes
    ----------
    baseline
        Of the reference.
    current, stretch
        The rows to compare: a file, or a stretch of the log.
    reference, reference_file, reference_stretch
        Rows of the reference, for looking at columns together: a table, a file, or a stretch of the log.
    log
        Where the log is.
    prepared
        What is done with the rows of files.
    """

    baseline: Baseline
    current: Path | None
    stretch: Stretch
    reference: pa.Table | None
    reference_file: Path | None
    reference_stretch: Stretch
    log: LogSource
    prepared: Prepared

    def compared(self, policy: JudgePolicy, together: Choice, *, weak_segments: bool = False) -> Report:
        """Read and compare them. Of a log's rows, and of a reference's, memory holds a batch and a sample.

        Raises
        ------
        InputError
            If an option is missing, or two contradict each other.
        """
        from driftwatch.comparison import compare

        self._check(looks_together=bool(together))
        with ExitStack() as opened:
            live = self._live(opened)
            reference = self._reference(opened) if together else None
            with progress_notice("Comparing …"):
                return compare(
                    self.baseline,
                    live,
                    policy=policy,
                    together=together,
                    reference_rows=reference,
                    weak_segments=weak_segments,
                )

    def _check(self, *, looks_together: bool) -> None:
        from_log = bool(self.stretch) or (self.current is None and self.log.given)
        if self.current is None and not from_log:
            raise InputError(
                "no rows to compare.",
                field="CURRENT",
                remedy="Name a file, or a service's log with --url or --data, and --from and --to.",
            )
        if self.current is not None and from_log:
            raise InputError("rows come from a file or from the log.", field="--from", remedy="Leave one of them out.")
        given = [self.reference is not None, self.reference_file is not None, bool(self.reference_stretch)]
        if looks_together and not any(given):
            raise InputError(
                "a baseline holds no rows, and columns can only be looked at together in rows.",
                field="--together",
                remedy="Give the reference's: --reference FILE, or --reference-from and --reference-to of the log.",
            )
        if sum(given) > 1 or (any(given[1:]) and not looks_together):
            raise InputError(
                "the reference's rows are for --together, and come from one place.",
                field="--reference",
                remedy="Give --together with a file of rows, --reference or --reference-from.",
            )

    def _live(self, opened: ExitStack) -> Any:
        from driftwatch.sources.files import read_table

        if self.current is None:
            return opened.enter_context(self.log.batches(self.stretch, self.baseline.schema))
        with progress_notice(f"Reading {self.current} …"):
            return self.prepared(read_table(self.current))

    def _reference(self, opened: ExitStack) -> Any:
        if self.reference is not None:
            return self.reference
        if self.reference_file is not None:
            return self._batches(self.reference_file)
        return opened.enter_context(self.log.batches(self.reference_stretch, self.baseline.schema))

    def _batches(self, path: Path) -> Iterator[pa.Table]:
        from driftwatch.sources.files import read_batches

        for batch in read_batches(path):
            yield self.prepared(batch)
