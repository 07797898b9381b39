"""What a model may be called."""

from __future__ import annotations

import re

MODEL_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
NAME_RULE = (
    "A model's name has 1 to 128 letters, digits, dots, hyphens and underscores, and begins with a letter or a digit."
)

_MODEL_NAME = re.compile(MODEL_NAME)


def is_model_name(name: str) -> bool:
    """Whether a model may be called so.

    Examples
    --------
    >>> is_model_name("flights-v2.1"), is_model_name("flights delay"), is_model_name("")
    (True, False, False)
    """
    return _MODEL_NAME.fullmatch(name) is not None


__all__ = ["MODEL_NAME", "NAME_RULE", "is_model_name"]
