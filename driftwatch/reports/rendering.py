"""How pages of this folder's templates are made: everything in them is escaped, and nothing may be left undefined."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from driftwatch.reports import wording
from driftwatch.reports.order import beyond
from driftwatch.reports.summary import ORIGINS


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates, with the words and numbers that they write."""
    made = Environment(
        loader=PackageLoader("driftwatch.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        arrows=wording.arrows,
        beyond=beyond,
        limit=wording.limit,
        counted=wording.counted,
        number=wording.number,
        p_value=wording.p_value,
        share=wording.share,
        words=wording.words,
    )
    made.globals["origins"] = ORIGINS
    return made


@lru_cache(maxsize=4)
def style(*names: str) -> str:
    """The style sheets of a page, one after another."""
    folder = files("driftwatch.reports").joinpath("templates")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)
