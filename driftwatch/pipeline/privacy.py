"""Features that are dropped, or replaced by pseudonyms, before anything is stored.

What is dropped is nowhere afterwards. A hashed feature is compared with the baseline where that has pseudonyms of the
same key (``driftwatch baseline fit --hash``). Where it has not, the feature is set aside: its pseudonyms are logged,
and the column counts no rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from driftwatch.core.baseline import Baseline
from driftwatch.core.cells import NamedCells
from driftwatch.core.events import PredictionBatch
from driftwatch.core.pseudonyms import Pseudonyms
from driftwatch.core.records import ColumnRole
from driftwatch.core.table import Table, Values


@dataclass(frozen=True, slots=True)
class PrivacyRules:
    """Names of features to drop, and of those to hash."""

    drop: frozenset[str] = frozenset()
    hash: frozenset[str] = frozenset()

    def __or__(self, other: PrivacyRules) -> PrivacyRules:
        """Both; what one of them drops is dropped."""
        drop = self.drop | other.drop
        return PrivacyRules(drop, (self.hash | other.hash) - drop)


@dataclass(frozen=True, slots=True)
class Privacy:
    """The rules of all models, those that some have besides, and the key of the hashes."""

    everywhere: PrivacyRules = PrivacyRules()
    models: Mapping[str, PrivacyRules] = field(default_factory=dict)
    pseudonyms: Pseudonyms | None = None

    def applied(self, batch: PredictionBatch, baseline: Baseline) -> PredictionBatch:
        """The batch as it may be stored."""
        rules = self._rules(batch.model)
        if not rules.drop and not rules.hash:
            return batch
        protected = frozenset(baseline.schema.by_name) - {one.name for one in baseline.schema.features}
        columns: dict[str, Values] = {}
        extra: dict[str, Values] = {}
        for table, into in ((batch.columns, columns), (batch.extra, extra)):
            for name, values in table.columns.items():
                if name in protected or name not in rules.drop | rules.hash:
                    into[name] = values
                elif name in rules.hash and self.pseudonyms is not None:
                    is_compared = table is batch.columns and self._has_pseudonyms(baseline, name)
                    (columns if is_compared else extra)[name] = self.pseudonyms.of(name, values)
        n_rows = len(batch)
        return replace(batch, columns=Table(columns, n_rows), extra=Table(extra, n_rows))

    def notices(self, baseline: Baseline) -> Iterator[str]:
        """What the rules keep from being compared, a sentence a column."""
        rules = self._rules(baseline.model)
        for column in baseline.schema.columns:
            name = column.name
            if name not in rules.drop | rules.hash:
                continue
            if column.role is not ColumnRole.FEATURE:
                yield f"{name} is stored as it is: it is the model's {column.role.value}, no feature."
            elif name in rules.drop:
                yield f"{name} is dropped, and not compared with the baseline."
            elif not self._has_pseudonyms(baseline, name):
                yield (
                    f"{name} is hashed, and not compared: the baseline has no pseudonyms of this key. "
                    f"Fit one with driftwatch baseline fit --hash {name}."
                )

    def _rules(self, model: str) -> PrivacyRules:
        return self.everywhere | self.models[model] if model in self.models else self.everywhere

    def _has_pseudonyms(self, baseline: Baseline, name: str) -> bool:
        cells = baseline.columns[name].cells
        if self.pseudonyms is None or not isinstance(cells, NamedCells):
            return False
        return self.pseudonyms.made((*cells.names, *cells.rare))


__all__ = ["Privacy", "PrivacyRules"]
