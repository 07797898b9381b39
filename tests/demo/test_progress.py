"""Progress is a bar on a terminal and few lines elsewhere."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from driftwatch.demo.progress import Bar, Lines, Moment, display

FIRST = Moment(day=datetime(2013, 3, 30, tzinfo=UTC), error=8.71, model_version="1", alerts=0)


def moments(count: int) -> list[Moment]:
    return [
        Moment(day=FIRST.day + timedelta(days=day), error=8.71, model_version="1", alerts=0) for day in range(count)
    ]


def test_a_pipe_gets_a_line_a_month() -> None:
    out = io.StringIO()
    with display(Console(file=out), days=40) as shown:
        assert isinstance(shown, Lines)
        for moment in moments(40):
            shown.show(moment)
    assert [line[:10] for line in out.getvalue().splitlines()] == ["2013-03-30", "2013-04-01", "2013-05-01"]


def test_a_dumb_terminal_gets_no_bar() -> None:
    dumb = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert isinstance(display(dumb, days=1), Lines)


def test_a_terminal_gets_a_bar_that_says_how_things_stand() -> None:
    out = io.StringIO()
    terminal = Console(file=out, force_terminal=True, width=80, _environ={"TERM": "xterm"})
    with display(terminal, days=2) as shown:
        assert isinstance(shown, Bar)
        shown.show(FIRST)
        shown.say("2013-05-03  retrain asked for")
    assert "2013-03-30  version 1  error  8.7 min  alerts 0" in out.getvalue()
    assert "2013-05-03  retrain asked for" in out.getvalue()


def test_without_colour_nothing_is_coloured() -> None:
    out = io.StringIO()
    plain = Console(file=out, force_terminal=True, width=80, _environ={"TERM": "xterm", "NO_COLOR": "1"})
    with display(plain, days=2) as shown:
        shown.show(FIRST)
    assert "\x1b[3" not in out.getvalue()


def test_a_moment_says_when_a_retrain_is_at_work() -> None:
    moment = Moment(day=FIRST.day, error=float("nan"), model_version="2", alerts=1, retraining=True)
    assert str(moment) == "2013-03-30  version 2  error  nan min  alerts 1  retraining"
