"""A recipe is checked whole before anything is read: every mistake is named by its field."""

from pathlib import Path

import pytest

from driftwatch.errors import InputError, RecipeError
from driftwatch.training.estimators import build
from driftwatch.training.preparation import build_pipeline, parameter_name
from driftwatch.training.recipe import EstimatorRecipe, parse_recipe, read_recipe
from driftwatch.training.space import grid, read_space
from tests.training.conftest import REGRESSION

MISTAKES = [
    ("unknown section", "[traning]\n", "unknown field `traning`"),
    ("unknown name", "[splits]\ntrian = 0.5\n", "splits"),
    ("wrong type", "[search]\ntrials = 'many'\n", "search.trials"),
    ("out of range", "[promotion]\nconfidence = 1.5\n", "promotion.confidence"),
    ("shares", "[splits]\ntrain = 0.5\n", "splits.train, validation, test: do not add up to 1"),
    ("one moment alone", "[splits]\ntest_from = 2026-01-01T00:00:00Z\n", "splits: is alone"),
    ("a gap that is none", "[splits]\ngap = 'soon'\n", "splits.gap"),
    ("a budget in rows", "[search]\nbudget = '100 rows'\n", "search.budget"),
    ("an unknown measure", "[promotion]\nmeasure = 'auc'\n", "promotion.measure"),
    ("an unknown method", "[search]\nmethod = 'grit'\n", "search.method"),
    ("a search of nothing", "[search]\nmethod = 'grid'\n", "search.space: is empty"),
    ("an unknown scaler", "[preparation]\nscale = 'minmax'\n", "preparation.scale"),
    ("a limit of the guard", "[guard]\nclip_norm = -1.0\n", "guard.clip_norm"),
    ("all rows and gradients", "[gradient]\n[output]\nfinal = 'all'\n", "output.final"),
]


@pytest.mark.parametrize(("text", "words"), [one[1:] for one in MISTAKES], ids=[one[0] for one in MISTAKES])
def test_a_mistake_is_named_by_its_field(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_recipe(REGRESSION + text)
    assert words in str(caught.value)


def test_a_mistake_of_toml_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("model = 'm'\ntask = \n")
    with pytest.raises(RecipeError, match=r"r\.toml: is no TOML: .*line 2"):
        read_recipe(path)


def test_a_column_has_one_role() -> None:
    with pytest.raises(RecipeError, match="data: wind: has two roles"):
        parse_recipe(REGRESSION.replace('categorical = ["carrier"]', 'categorical = ["wind"]'))


def test_a_recipe_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("os.system", "'os' is no package that a recipe may use"),
        ("subprocess.Popen", "'subprocess' is no package"),
        ("sklearn.utils.Bunch", "is no class of estimators"),
        ("sklearn.datasets.fetch_openml", "is no class of estimators"),
        ("sklearn.linear_model.Rigde", "there is no sklearn.linear_model.Rigde"),
        ("sklearn.absent.Ridge", "there is no"),
        ("Ridge", "is no dotted name"),
        ("sklearn.linear_model.Ridge()", "is no dotted name"),
        ("sklearn..Ridge", "is no dotted name"),
    ],
)
def test_only_estimators_of_allowed_packages_are_taken(name: str, words: str) -> None:
    with pytest.raises(RecipeError, match=r"estimator\.name") as caught:
        build(EstimatorRecipe(name=name))
    assert words in str(caught.value)


def test_a_package_is_allowed_by_name_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_mine.py").write_text(
        "from sklearn.pipeline import make_pipeline\nfrom sklearn.linear_model import Ridge\n"
        "def made(alpha):\n    return make_pipeline(Ridge(alpha=alpha))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    recipe = EstimatorRecipe(name="of_mine.made", parameters={"alpha": 3.0})
    with pytest.raises(RecipeError, match="--allow-package of_mine"):
        build(recipe)
    assert build(recipe, allowed={"of_mine"}).named_steps["ridge"].alpha == 3.0


def test_a_parameter_may_be_an_estimator_and_is_held_to_the_same_rules() -> None:
    nested = {"name": "sklearn.tree.DecisionTreeRegressor", "parameters": {"max_depth": 2}}
    made = build(EstimatorRecipe(name="sklearn.ensemble.AdaBoostRegressor", parameters={"estimator": nested}))
    assert made.estimator.max_depth == 2
    with pytest.raises(RecipeError, match=r"estimator\.parameters\.estimator\.name: 'os'"):
        build(
            EstimatorRecipe(name="sklearn.ensemble.AdaBoostRegressor", parameters={"estimator": {"name": "os.getcwd"}})
        )


def test_parameters_that_an_estimator_does_not_take_are_named() -> None:
    with pytest.raises(RecipeError, match=r"estimator.parameters: .*alhpa"):
        build(EstimatorRecipe(name="sklearn.linear_model.Ridge", parameters={"alhpa": 1}))


def test_everything_random_gets_the_recipe_s_seed_unless_it_has_its_own() -> None:
    text = REGRESSION.replace("sklearn.linear_model.Ridge", "sklearn.ensemble.RandomForestRegressor")
    assert build_pipeline(parse_recipe(text), seed=9).named_steps["model"].random_state == 9
    own = text.replace('Regressor"', 'Regressor"\nparameters = { random_state = 4 }')
    assert build_pipeline(parse_recipe(own), seed=9).named_steps["model"].random_state == 4


def test_a_parameter_of_the_space_is_the_estimator_s_unless_it_names_a_step() -> None:
    pipeline = build_pipeline(parse_recipe(REGRESSION))
    assert parameter_name(pipeline, "alpha") == "model__alpha"
    assert parameter_name(pipeline, "prepare__numeric__impute__strategy") == "prepare__numeric__impute__strategy"
    with pytest.raises(RecipeError, match=r"search.space.beta: is no parameter. The estimator's are: alpha"):
        parameter_name(pipeline, "beta")


def test_a_grid_has_every_combination_once() -> None:
    points = list(grid(read_space({"a": [1, 2], "b": ["x", "y", "z"]})))
    assert len(points) == 6
    assert points[:2] == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}]


@pytest.mark.parametrize(
    "document",
    [{"a": []}, {"a": 3}, {"a": {"low": 1}}, {"a": {"low": 2, "high": 1}}, {"a": {"low": 0, "high": 1, "log": True}}],
)
def test_a_dimension_that_cannot_work_is_refused(document: dict) -> None:
    with pytest.raises(RecipeError, match=r"search\.space\.a"):
        read_space(document)


def test_whole_numbers_of_a_range_are_all_met_and_alike() -> None:
    dimension = read_space({"a": {"low": 1, "high": 4, "integer": True}})["a"]
    met = [dimension.at((step + 0.5) / 400) for step in range(400)]
    assert {one: met.count(one) for one in sorted(set(met))} == {1: 100, 2: 100, 3: 100, 4: 100}
