"""schemathesis asks everything that the description allows, and some that it does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from origins import Origin
from pixlean.web.openapi import document
from pixlean.wiring.dialects import dialects
from pixlean.wiring.environment import load
from serving import Server

schema = schemathesis.openapi.from_dict(document(dialects(load({}).environment)))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Without limits, so that every request is answered for what it asks, and with an upstream that has a model."""
    upstream = Origin({"/model.onnx": b"onnx" * 50_000})
    url = f"{upstream.url}/model.onnx"
    running = Server(
        RATE_LIMIT_PER_MINUTE="0", COMPRESSORIZE_FREE_RPM="0", COMPRESSORIZE_PAID_RPM="0", MODEL_FULL_URL=url,
        MODEL_QUANTIZED_URL=url,
    )  # fmt: skip
    yield running
    running.stop()
    upstream.stop()


@schema.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_no_answer_is_undocumented_or_a_server_error(case: schemathesis.Case, server: Server) -> None:
    answer = case.call(base_url=server.url)
    case.validate_response(answer, checks=CHECKS)
