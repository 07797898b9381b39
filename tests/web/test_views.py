import json
import sys

import pytest

from driftwatch.web.views import ThresholdView


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.1, 0.1), (float("nan"), None), (float("inf"), sys.float_info.max), (float("-inf"), -sys.float_info.max)],
)
def test_json_has_null_for_undefined_and_the_largest_double_for_endless(value: float, shown: float | None) -> None:
    assert json.loads(ThresholdView(value=value, origin="fixed").model_dump_json())["value"] == shown
