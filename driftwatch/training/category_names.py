"""Categories by name, whatever type a frame gives them: what the log calls ``'3'`` is 3 in a live frame."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from driftwatch.core.table import name_of

MISSING = "(missing)"


class CategoryNames(TransformerMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Turns columns into names, as driftwatch's log has them; what is missing is a category of its own.

    It learns nothing. A pipeline begins with it, so that a model that was trained from the log also takes the frames
    that a live model is given, where a category may be a number or a truth value.

    Examples
    --------
    >>> CategoryNames().fit_transform(pd.DataFrame({"a": [True, None], "b": [3.0, 4.5]})).tolist()
    [['true', '3'], ['(missing)', '4.5']]
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Remember how many columns there are."""
        frame = pd.DataFrame(X)
        self.n_features_in_ = frame.shape[1]
        self.feature_names_in_ = np.array([str(name) for name in frame.columns], dtype=object)
        return self

    def transform(self, X: Any) -> NDArray[np.object_]:
        """The names, of the same shape."""
        frame = pd.DataFrame(X)
        found = np.empty(frame.shape, dtype=object)
        for position in range(frame.shape[1]):
            codes, values = pd.factorize(frame.iloc[:, position])
            names = np.array([*(name_of(one) for one in values), MISSING], dtype=object)
            found[:, position] = names[codes]
        return found

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The columns keep their names."""
        return self.feature_names_in_
