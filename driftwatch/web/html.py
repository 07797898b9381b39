"""HTML pages from templates: everything is escaped, and nothing is loaded from elsewhere."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from driftwatch import __version__

PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}
STYLE_HEADERS = {"cache-control": "public, max-age=3600"}


def html(template: str, **values: object) -> HTMLResponse:
    """A page, rendered on the spot."""
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(values), headers=PAGE_HEADERS)


def style() -> Response:
    """The style sheet of all pages."""
    return Response(_STYLE, media_type="text/css", headers=STYLE_HEADERS)


def number(value: float | None, digits: int = 4) -> str:
    """A number for people.

    Examples
    --------
    >>> number(11.5371), number(16.0), number(0.000123), number(1234567), number(float("nan")), number(None)
    ('11.54', '16.00', '0.0001230', '1,234,567', '–', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    if 1_000 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}" if value else "0"


def moment(value: datetime | None) -> str:
    """A time for people, in UTC; midnight is left out.

    Examples
    --------
    >>> moment(datetime(2013, 4, 15, tzinfo=UTC)), moment(datetime(2013, 4, 15, 6, 30, tzinfo=UTC)), moment(None)
    ('2013-04-15', '2013-04-15 06:30', '–')
    """
    if value is None:
        return "–"
    value = value.astimezone(UTC)
    if (value.hour, value.minute, value.second) == (0, 0, 0):
        return value.strftime("%Y-%m-%d")
    return value.strftime("%Y-%m-%d %H:%M:%S" if value.second else "%Y-%m-%d %H:%M")


def span(start: datetime, end: datetime) -> str:
    """A window for people: whole days by their first and last day.

    Examples
    --------
    >>> span(datetime(2013, 4, 8, tzinfo=UTC), datetime(2013, 4, 15, tzinfo=UTC))
    '2013-04-08 – 04-14'
    >>> span(datetime(2013, 4, 8, tzinfo=UTC), datetime(2013, 4, 9, tzinfo=UTC))
    '2013-04-08'
    >>> span(datetime(2013, 4, 8, 6, tzinfo=UTC), datetime(2013, 4, 8, 7, tzinfo=UTC))
    '2013-04-08 06:00 – 07:00'
    """
    if len(moment(start)) == len(moment(end)) == 10:
        last = end - timedelta(days=1)
        if last <= start:
            return moment(start)
        return f"{moment(start)} – {moment(last)[5:] if last.year == start.year else moment(last)}"
    shown = end.strftime("%H:%M") if start.date() == end.date() else end.strftime("%Y-%m-%d %H:%M")
    return f"{start.strftime('%Y-%m-%d %H:%M')} – {shown}"


def words(value: str) -> str:
    """An identifier as words: ``insufficient_data`` reads "insufficient data"."""
    return value.replace("_", " ")


def prose(text: str) -> Markup:
    """A description for people: escaped, and what stands in backticks as code.

    Examples
    --------
    >>> prose("a `b` <c>")
    Markup('a <code>b</code> &lt;c&gt;')
    """
    parts = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(one) if at % 2 else one for at, one in enumerate(parts))


_STYLE = files("driftwatch.web").joinpath("static", "style.css").read_bytes()
_ENVIRONMENT = Environment(
    loader=PackageLoader("driftwatch.web", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.filters.update(number=number, moment=moment, prose=prose, words=words)
_ENVIRONMENT.globals["driftwatch_version"] = __version__


__all__ = ["html", "moment", "number", "prose", "span", "style", "words"]
