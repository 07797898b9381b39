"""What docs/training.md says of recipes is what a recipe can say, and its recipe runs."""

import re
import tomllib
from pathlib import Path

import pytest

from driftwatch.settings import load_settings
from driftwatch.training import run as training
from driftwatch.training.champion_challenger import Reason
from driftwatch.training.measures import MEASURES
from driftwatch.training.model_store import ModelStore
from driftwatch.training.recipe import GradientRecipe, Recipe, read_recipe
from tests.training.conftest import flights, table

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs/training.md").read_text()


def test_the_recipe_of_the_page_is_the_example(page: str) -> None:
    _, text = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert text == (ROOT / "examples/flights.toml").read_text()


def test_every_name_that_a_recipe_can_have_is_on_the_page(page: str) -> None:
    recipe = read_recipe(ROOT / "examples/flights.toml")
    names = set(Recipe.__struct_fields__)
    for section in ("estimator", "data", "preparation", "splits", "search", "guard", "promotion", "output"):
        names |= set(getattr(recipe, section).__struct_fields__)
    names |= set(GradientRecipe.__struct_fields__)
    missing = {name for name in names if not re.search(rf"[`\[ ]{name}[`\] =]", page)}
    assert missing == set()


def test_every_measure_and_every_reason_is_on_the_page(page: str) -> None:
    assert {name for name in MEASURES if f"`{name}`" not in page} == set()
    assert {
        one.value for one in Reason if one is not Reason.BETTER_BY_THE_MARGIN and f"`{one.value}`" not in page
    } == set()


def test_the_python_of_the_page_runs(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    [code] = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out == "1.0\n0.25\n"


def test_the_recipe_of_the_page_trains_a_model(tmp_path: Path) -> None:
    pytest.importorskip("skops", reason="needs the extra 'training'")
    columns = flights(days=20.0)
    own = {
        "departure_minute": columns["wind"],
        "origin": columns["carrier"],
        "dest": columns["carrier"],
        "weekday": columns["carrier"],
    }
    recipe = read_recipe(ROOT / "examples/flights.toml")
    job = training.Job(
        recipe=recipe,
        version="2",
        batches=[table(**columns, **own)],
        source="a table",
        store=ModelStore(tmp_path / recipe.output.folder, recipe.model),
    )
    assert training.train(job).outcome is training.Outcome.PROMOTED


def test_the_sink_of_the_page_is_one_that_the_service_takes(page: str) -> None:
    sink, _ = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    [options] = load_settings(**tomllib.loads(sink)).sinks
    assert (options.name, options.command[:3]) == ("trainer", ("driftwatch", "retrain", "run"))
