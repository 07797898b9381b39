"""The HTTP interface against its own OpenAPI document: no question, however strange, is answered with a 500.

In the suite a few questions to each route; ``make fuzz`` asks a thousand (``FUZZ_INPUTS``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.conftest import MODEL
from tests.web.test_openapi import PROMISED

QUESTIONS = int(os.environ.get("FUZZ_INPUTS", "0")) // 100 or 8
"""To a route: each is a request over a real connection."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def asked(shared_web: Any) -> Iterator[Any]:
    """A service with a model and a day of its flights."""
    with shared_web() as web:
        web.register()
        web.day(0, rows=50)
        yield web


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as asked for", "otherwise"])
@pytest.mark.parametrize(("method", "path"), sorted(PROMISED))
def test_every_answer_is_documented_and_none_is_a_defect(
    asked: Any, method: str, path: str, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_dict(asked.client.get("/openapi.json").json())
    operation = schema[path][method]
    if mode is GenerationMode.NEGATIVE and not (operation.body or list(operation.iter_parameters())):
        pytest.skip("nothing can be asked otherwise")

    @settings(
        max_examples=QUESTIONS,
        phases=(Phase.generate, Phase.shrink),
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
    def holds(case: Any, known: bool) -> None:
        if known and case.path_parameters and "model" in case.path_parameters:
            case.path_parameters["model"] = MODEL
        case.call_and_validate(base_url=str(asked.client.base_url), checks=CHECKS, timeout=20)

    holds()
