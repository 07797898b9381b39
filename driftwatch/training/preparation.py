"""From columns to what an estimator takes: imputation, scaling and encoding, inside the pipeline.

One pipeline is fitted, kept and served: whatever it learns of the columns, it learns of the rows that it is fitted on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
from sklearn.utils import get_tags

from driftwatch.errors import RecipeError
from driftwatch.training.category_names import CategoryNames
from driftwatch.training.estimators import ALLOWED, build
from driftwatch.training.recipe import DataRecipe, PreparationRecipe, Recipe

PREPARE = "prepare"
MODEL = "model"
NUMERIC, CATEGORICAL = "numeric", "categorical"
SCALE = "scale"

_SCALERS = {"standard": StandardScaler, "robust": RobustScaler}


def build_pipeline(recipe: Recipe, *, allowed: Collection[str] = ALLOWED, seed: int | None = None) -> Pipeline:
    """The pipeline of a recipe, not fitted: preparation, further steps, estimator.

    Parameters
    ----------
    recipe
        What it is made of.
    allowed
        Packages that estimators may come from.
    seed
        For everything in it that has a ``random_state`` which the recipe leaves open; the recipe's own where None.

    Raises
    ------
    RecipeError
        If a part cannot be made, or the estimator is none of the recipe's task.
    """
    steps: list[tuple[str, Any]] = [(PREPARE, preparation(recipe.data, recipe.preparation))]
    for number, step in enumerate(recipe.steps):
        made = build(step, allowed=allowed, field=f"steps[{number}]")
        if not hasattr(made, "transform"):
            raise RecipeError(f"{step.name} transforms nothing.", field=f"steps[{number}].name")
        steps.append((f"step{number}", made))
    estimator = build(recipe.estimator, allowed=allowed)
    if not hasattr(estimator, "predict"):
        raise RecipeError(f"{recipe.estimator.name} predicts nothing.", field="estimator.name")
    if not all(_takes_sparse(one) for _, one in [*steps[1:], (MODEL, estimator)]):
        steps[0][1].set_params(sparse_threshold=0.0)
    pipeline = Pipeline([*steps, (MODEL, estimator)])
    return seeded(pipeline, recipe.seed if seed is None else seed)


def _takes_sparse(estimator: Any) -> bool:
    return bool(get_tags(estimator).input_tags.sparse)


def seeded(pipeline: Pipeline, seed: int) -> Pipeline:
    """The same pipeline, with a seed for every part whose ``random_state`` is None."""
    known = pipeline.get_params()
    pipeline.set_params(**{name: seed for name in known if name.endswith("__random_state") and known[name] is None})
    return pipeline


def preparation(data: DataRecipe, recipe: PreparationRecipe) -> ColumnTransformer:
    """What happens to the columns, not fitted; columns that the recipe does not name are dropped."""
    branches: list[tuple[str, Any, Sequence[str]]] = []
    if data.numeric:
        branches.append((NUMERIC, _numeric(recipe), list(data.numeric)))
    if data.categorical:
        branches.append((CATEGORICAL, _categorical(recipe, "auto"), list(data.categorical)))
    return ColumnTransformer(branches, remainder="drop", verbose_feature_names_out=False)


def streamed_preparation(
    data: DataRecipe, recipe: PreparationRecipe, categories: Sequence[Sequence[str]], *, sparse_threshold: float
) -> ColumnTransformer:
    """The same for rows that do not fit in memory, with the categories that a pass over the training rows found.

    Numbers are scaled first; what is missing is then 0, which is the mean of the training rows: a scaler can be fitted
    batch by batch, a median cannot.
    """
    branches: list[tuple[str, Any, Sequence[str]]] = []
    if data.numeric:
        scaler: Any = StandardScaler() if recipe.scale != "none" else "passthrough"
        impute = SimpleImputer(strategy="constant", fill_value=0.0, add_indicator=recipe.missing_indicator)
        steps = [(SCALE, scaler), ("impute", impute if recipe.impute != "none" else "passthrough")]
        branches.append((NUMERIC, Pipeline(steps), list(data.numeric)))
    if data.categorical:
        branches.append((CATEGORICAL, _categorical(recipe, [list(one) for one in categories]), list(data.categorical)))
    return ColumnTransformer(
        branches, remainder="drop", verbose_feature_names_out=False, sparse_threshold=sparse_threshold
    )


def _numeric(recipe: PreparationRecipe) -> Pipeline:
    steps: list[tuple[str, Any]] = []
    if recipe.impute != "none":
        # A column without any value in the training rows keeps its place, as zeros.
        imputer = SimpleImputer(
            strategy=recipe.impute, add_indicator=recipe.missing_indicator, keep_empty_features=True
        )
        steps.append(("impute", imputer))
    if recipe.scale != "none":
        steps.append((SCALE, _SCALERS[recipe.scale]()))
    return Pipeline(steps or [("as_they_are", "passthrough")])


def _categorical(recipe: PreparationRecipe, categories: Any) -> Pipeline:
    steps: list[tuple[str, Any]] = [("names", CategoryNames())]
    given = categories != "auto"
    if recipe.categories == "one_hot":
        rare = {} if given else {"min_frequency": recipe.least_rows, "max_categories": recipe.most_categories}
        unknown = "ignore" if given else "infrequent_if_exist"
        steps.append(("encode", OneHotEncoder(categories=categories, handle_unknown=unknown, **rare)))
    elif recipe.categories == "ordinal":
        rare = {} if given else {"min_frequency": recipe.least_rows, "max_categories": recipe.most_categories}
        encoder = OrdinalEncoder(categories=categories, handle_unknown="use_encoded_value", unknown_value=-1, **rare)
        steps.append(("encode", encoder))
    return Pipeline(steps)


def parameter_name(pipeline: Pipeline, name: str) -> str:
    """The pipeline's name of a parameter of a search space: of the estimator, unless it names a step itself.

    Raises
    ------
    RecipeError
        If there is no such parameter.
    """
    known = pipeline.get_params()
    for candidate in (name, f"{MODEL}__{name}"):
        if "__" in candidate and candidate in known:
            return candidate
    of_model = ", ".join(sorted(pipeline.named_steps[MODEL].get_params(deep=False)))
    raise RecipeError("is no parameter.", field=f"search.space.{name}", remedy=f"The estimator's are: {of_model}.")


__all__ = ["build_pipeline", "parameter_name", "preparation", "seeded", "streamed_preparation"]
