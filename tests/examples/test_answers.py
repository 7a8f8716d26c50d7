"""The answer of FastAPI itself if a record is the type of a parameter."""

from __future__ import annotations

from typing import Any

import pytest

from funnel import Lead
from tests.examples.test_examples import requires

ARRIVED = {"person_id": "sari", "arrived_at": "2026-03-01T09:00+07:00"}


def receive(lead: Lead) -> str:
    """Return the person of a lead."""
    return lead.person_id


@requires("FastAPI")
@pytest.mark.filterwarnings("ignore:The 'alias' attribute")  # FastAPI hides it only for models that are built at once
@pytest.mark.parametrize(
    "body",
    [
        {"contact": {"phone": "0812-000-111"}},
        {**ARRIVED, "contact": {"phone": "0812-000-111", "fax": "0812-000-112"}},
        {**ARRIVED, "contact": "0812-000-111"},
        {**ARRIVED, "0812-000-111": 1},
    ],
    ids=["missing fields", "unknown field", "wrong type", "value as a name"],
)
def test_the_answer_to_a_wrong_record_does_not_repeat_it(body: dict[str, Any]) -> None:
    """The answer names the fields, and holds no value of the body."""
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    app = FastAPI()
    app.post("/leads")(receive)
    answer = TestClient(app).post("/leads", json=body)

    assert answer.status_code == 422
    assert "(hidden)" in answer.text
    assert "0812" not in answer.text
