"""``driftwatch check``: what it prints to a terminal and a pipe, and what it writes to a file."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

import driftwatch
from driftwatch.cli.app import app
from driftwatch.cli.report_table import print_table

FINE, DRIFTED, WRONG_USE = 0, 1, 2
LONG = "the_number_of_visits_of_this_customer_over_the_last_thirty_days"


def rows(n: int, *, moved: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    return pd.DataFrame(
        {
            "steady": rng.normal(0.0, 1.0, n),
            "[red]markup[/red]": rng.normal(0.0, 1.0, n),
            "steer\x1b[2Jthe\nterminal": rng.normal(0.0, 1.0, n),
            f"{LONG}_a": rng.normal(0.0, 1.0, n),
            f"{LONG}_b": rng.normal(moved, 1.0, n),
            "plan": rng.choice(["free", "pro"], n),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    baseline = driftwatch.Baseline.fit(rows(3_000), model="visits")
    (made / "b.json").write_text(baseline.to_json())
    rows(900).to_parquet(made / "same.parquet")
    rows(901, moved=2.0).drop(columns="plan").to_parquet(made / "moved.parquet")
    return made


def check(folder: Path, *arguments: object):
    command = ["check", str(folder / "b.json"), *map(str, arguments)]
    return CliRunner().invoke(app, command, catch_exceptions=False)


def table_of(width: int, *, n_reference: int = 3_000) -> list[str]:
    file = StringIO()
    live = rows(901, moved=2.0).drop(columns="plan")
    print_table(driftwatch.compare(rows(n_reference), live), Console(file=file, width=width, no_color=True))
    return file.getvalue().splitlines()


def test_html_goes_to_a_pipe_whole(folder: Path) -> None:
    done = check(folder, folder / "moved.parquet", "--format", "html")
    assert done.exit_code == DRIFTED
    assert done.stdout.lstrip().startswith("<!doctype html>")
    assert done.stdout.rstrip().endswith("</html>")


@pytest.mark.parametrize(
    ("name", "options", "begins"),
    [
        ("report.html", [], "<!doctype html>"),
        ("report.HTM", [], "<!doctype html>"),
        ("report.json", [], "{"),
        ("report.txt", [], "column "),
        ("report", ["--format", "html"], "<!doctype html>"),
        ("report.html", ["--format", "json"], "{"),
        ("report.json", ["--format", "table"], "column "),
    ],
)
def test_a_file_gets_the_format_that_was_asked_for_else_that_of_its_extension(
    folder: Path, tmp_path: Path, name: str, options: list[str], begins: str
) -> None:
    done = check(folder, folder / "same.parquet", "-o", tmp_path / name, *options)
    assert done.exit_code == FINE
    assert (tmp_path / name).read_text(encoding="utf-8").lstrip().startswith(begins)
    assert done.stdout.splitlines()[0] == "visits 1: 900 rows against 3,000 of the reference"
    assert "feature drift: Within tolerance" in done.stdout
    assert "statistic" not in done.stdout


def test_the_file_of_the_page_is_what_the_library_writes(folder: Path, tmp_path: Path) -> None:
    check(folder, folder / "moved.parquet", "-o", tmp_path / "report.html")
    baseline = driftwatch.Baseline.from_json((folder / "b.json").read_text())
    driftwatch.compare(baseline, pd.read_parquet(folder / "moved.parquet")).save_html(tmp_path / "own.html")
    assert (tmp_path / "own.html").read_bytes() == (tmp_path / "report.html").read_bytes()


def test_json_to_a_file_is_the_json_of_a_pipe(folder: Path, tmp_path: Path) -> None:
    check(folder, folder / "moved.parquet", "-o", tmp_path / "report.json")
    piped = check(folder, folder / "moved.parquet", "--format", "json")
    assert json.loads((tmp_path / "report.json").read_text()) == json.loads(piped.stdout)


def test_beside_a_file_the_terminal_still_says_which_column_could_not_be_read(folder: Path, tmp_path: Path) -> None:
    done = check(folder, folder / "moved.parquet", "-o", tmp_path / "report.html")
    assert done.exit_code == DRIFTED
    assert re.search(r"^error  plan: the data has no such column", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("target", ["absent/report.html", "."], ids=["no such folder", "a folder"])
def test_a_file_that_cannot_be_written_is_wrong_use_in_one_line(folder: Path, target: str) -> None:
    command = [sys.executable, "-m", "driftwatch", "check", "b.json", "same.parquet", "-o", target]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == WRONG_USE
    assert f"{target}: cannot be written" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("width", [60, 80, 109, 110, 160])
def test_no_line_of_the_table_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, table_of(width))) <= width


def test_what_drifted_is_the_first_line_and_its_name_tells_it_from_others() -> None:
    lines = table_of(80)
    assert re.match(r"the_number_o\S*…\S*days_b +drift +ks ", lines[1])
    assert lines[2].startswith("mean ")
    assert any(re.match(r"the_number_o\S*…\S*days_a +ok ", line) for line in lines)


def test_a_column_that_could_not_be_read_says_why_before_those_that_are_well() -> None:
    lines = table_of(120)
    error = next(at for at, line in enumerate(lines) if re.match(r"plan +error ", line))
    assert "no such column" in "".join(lines[error : error + 4])
    assert error < next(at for at, line in enumerate(lines) if line.startswith("steady "))


@pytest.mark.parametrize("width", [80, 120])
def test_scores_thresholds_and_p_values_are_in_the_table(width: int) -> None:
    report = driftwatch.compare(rows(3_000), rows(901, moved=2.0))
    finding = next(one for one in report.findings if one.column == f"{LONG}_b" and one.statistic == "psi")
    row = next(line for line in table_of(width) if re.search(r" psi ", line))
    assert re.search(rf"psi +{finding.score:.4g} +0.1 +< 1e-9", row)
    assert finding.p_value < 1e-9


def test_thresholds_that_nobody_chose_are_marked_and_the_mark_is_explained() -> None:
    lines = table_of(100, n_reference=500)
    assert any(re.search(r" ks +\S+ +0\.\d+\* ", line) for line in lines)
    assert "* set by the reference's sampling error" in lines
    assert not any("*" in line for line in table_of(100))


def test_names_are_no_markup_and_steer_no_terminal() -> None:
    text = "\n".join(table_of(120))
    assert "[red]markup[/red]" in text
    assert r"steer\x1b[2Jthe\nterminal" in text
    assert "\x1b" not in text


@pytest.mark.slow
@pytest.mark.parametrize("colour", [True, False], ids=["colours", "NO_COLOR"])
def test_a_terminal_of_80_columns_is_kept_to_and_no_color_is_obeyed(folder: Path, colour: bool) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR", "LINES"}}
    environment |= {"TERM": "xterm"} | ({} if colour else {"NO_COLOR": "1"})
    command = [sys.executable, "-m", "driftwatch", "check", "b.json", "moved.parquet"]
    with subprocess.Popen(command, cwd=folder, stdout=theirs, stderr=subprocess.DEVNULL, env=environment) as process:
        os.close(theirs)
        printed = b""
        # Linux says by an error that the other end of a terminal is gone.
        with suppress(OSError):
            while part := os.read(ours, 65_536):
                printed += part
        os.close(ours)
        assert process.wait(timeout=60) == DRIFTED
    text = printed.decode()
    assert ("\x1b[31m" in text) is colour
    lines = re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()
    assert max(map(len, lines)) <= 80
    assert any(re.match(r"the_number_o.* drift ", line) for line in lines)
