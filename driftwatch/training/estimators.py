"""Estimators by dotted name, from packages that are allowed: a recipe is data, and names no code but theirs.

From scikit-learn only classes of estimators are taken. Packages that the user allows besides may also name a function
that returns an estimator or a whole pipeline.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any

from driftwatch.errors import RecipeError
from driftwatch.training.recipe import EstimatorRecipe

ALLOWED = frozenset({"sklearn"})
"""Packages that a recipe can always name something of."""

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_LARGEST_DEPTH = 5


def build(recipe: EstimatorRecipe, *, allowed: Collection[str] = ALLOWED, field: str = "estimator") -> Any:
    """An estimator that is not fitted, from its name and parameters.

    Parameters
    ----------
    recipe
        The dotted name and the parameters.
    allowed
        Packages that may be imported from.
    field
        What to call it in errors.

    Raises
    ------
    RecipeError
        If the package is not allowed, nothing or no estimator has this name, or it does not take the parameters.

    Examples
    --------
    >>> build(EstimatorRecipe(name="sklearn.linear_model.Ridge", parameters={"alpha": 2.0}))
    Ridge(alpha=2.0)
    >>> build(EstimatorRecipe(name="os.system"))
    Traceback (most recent call last):
    ...
    driftwatch.errors.RecipeError: estimator.name: 'os' is no package that ... --allow-package os ...
    """
    return _built(recipe, frozenset(allowed) | ALLOWED, field, 0)


def _built(recipe: EstimatorRecipe, allowed: frozenset[str], field: str, depth: int) -> Any:
    maker = _named(recipe.name, allowed, f"{field}.name")
    if depth > _LARGEST_DEPTH:
        raise RecipeError("is nested too deeply.", field=f"{field}.parameters")
    parameters = {
        name: _value(value, allowed, f"{field}.parameters.{name}", depth) for name, value in recipe.parameters.items()
    }
    try:
        made = maker(**parameters)
    except TypeError as error:
        raise RecipeError(
            f"{recipe.name} cannot be made ({error}).", field=f"{field}.parameters", remedy="Check their names."
        ) from None
    if not all(callable(getattr(made, method, None)) for method in ("fit", "get_params", "set_params")):
        raise RecipeError(f"{recipe.name} is no estimator of scikit-learn's kind.", field=f"{field}.name")
    return made


def _value(value: Any, allowed: frozenset[str], field: str, depth: int) -> Any:
    if isinstance(value, Mapping) and "name" in value and set(value) <= {"name", "parameters"}:
        nested = EstimatorRecipe(name=str(value["name"]), parameters=dict(value.get("parameters", {})))
        return _built(nested, allowed, field, depth + 1)
    if isinstance(value, list):
        return [_value(one, allowed, field, depth + 1) for one in value]
    return value


def _named(name: str, allowed: frozenset[str], field: str) -> Any:
    if not _DOTTED.fullmatch(name):
        raise RecipeError(f"{name!r} is no dotted name.", field=field, remedy="Write sklearn.linear_model.Ridge.")
    package = name.partition(".")[0]
    if package not in allowed:
        raise RecipeError(
            f"{package!r} is no package that a recipe may use.",
            field=field,
            remedy=f"Use sklearn's, or allow it with --allow-package {package} where you trust the recipe.",
        )
    module, _, last = name.rpartition(".")
    try:
        found = getattr(import_module(module), last)
    except (ImportError, AttributeError):
        raise RecipeError(
            f"there is no {name}.", field=field, remedy="Check the name, and that it is installed."
        ) from None
    if package in ALLOWED and not _is_estimator_class(found):
        raise RecipeError(f"{name} is no class of estimators.", field=field, remedy="Name one, such as Ridge.")
    if not callable(found):
        raise RecipeError(f"{name} cannot be called.", field=field, remedy="Name a class or a function.")
    return found


def _is_estimator_class(found: Any) -> bool:
    from sklearn.base import BaseEstimator

    return inspect.isclass(found) and issubclass(found, BaseEstimator)


def starts_at_random(estimator: Any) -> bool:
    """Whether training begins at random weights and ends in one of many optima: scikit-learn's neural networks."""
    return type(estimator).__module__.startswith("sklearn.neural_network")
