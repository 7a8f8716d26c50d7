"""The four example back ends in `examples` run."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from examples import plain_script
from funnel import SqlAlchemyStore
from tests.readers.hooks import shopify_customer, shopify_order, shopify_refund

INSTALLED = {
    "FastAPI": find_spec("fastapi") and find_spec("httpx2"),
    "django-oscar": find_spec("oscar"),
}


def requires(module: str) -> pytest.MarkDecorator:
    """Skip a test if a package is missing, and name the package."""
    return pytest.mark.skipif(not INSTALLED[module], reason=f"{module} is not installed (pip install --group examples)")


# ---- a plain script ------------------------------------------------------------------------------------------------

ORDERS = "order,buyer,when,total\n1,sari,2026-01-10 09:00,150000\n2,budi,2026-01-12 10:00,90000\n"


def test_the_script_reads_a_growing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each order counts once on later days; a buyer who orders again is a repeat customer, and others lapse."""
    file, database = tmp_path / "orders.csv", tmp_path / "shop.db"
    file.write_text(ORDERS)
    plain_script.main(file, database, "2026-01-15")
    first = capsys.readouterr().out
    file.write_text(f"{ORDERS}3,sari,2026-02-01 08:00,200000\n")
    plain_script.main(file, database, "2026-02-02")
    second = capsys.readouterr().out
    plain_script.main(file, database, "2026-12-24")
    last = capsys.readouterr().out

    assert first.startswith("2 new orders, 0 skipped\n")
    assert second.startswith("1 new orders, 2 skipped\n")
    assert "sari is now lapsed, was repeat_customer" in last
    assert "budi is now lapsed, was customer" in last
    assert "budi: Invite them back: they have bought once; they last bought 346 days ago." in last


# ---- FastAPI -------------------------------------------------------------------------------------------------------

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = "client secret"


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Return a function that starts the back end with a fixed clock, as a context manager of its client."""
    from fastapi.testclient import TestClient

    from examples import fastapi_shop

    monkeypatch.setenv("SHOP_DATABASE", f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}")
    monkeypatch.setenv("SHOPIFY_SECRET", KEY)
    asyncio.run(fastapi_shop.create_tables())
    fastapi_shop.app.dependency_overrides[fastapi_shop.now] = lambda: NOON + timedelta(hours=9)
    return lambda: TestClient(fastapi_shop.app)


def deliver(client: Any, body: Mapping[str, Any], topic: str = "orders/updated", key: str = KEY) -> Any:
    """Deliver a webhook as Shopify does, and return the answer."""
    content = json.dumps(body).encode()
    signature = base64.b64encode(hmac.digest(key.encode(), content, hashlib.sha256)).decode()
    headers = {"X-Shopify-Topic": topic, "X-Shopify-Hmac-Sha256": signature}
    return client.post("/webhooks/shopify", content=content, headers=headers)


def order(number: int, status: str, hours: int, **changes: Any) -> dict[str, Any]:
    """Return Shopify's message about an order, some hours after noon."""
    updated_at = (NOON + timedelta(hours=hours)).isoformat()
    fields = {"id": number, "financial_status": status, "created_at": NOON.isoformat(), "updated_at": updated_at}
    return shopify_order(**fields | changes)


@requires("FastAPI")
def test_webhooks_may_be_late_and_repeated_across_restarts(opened: Callable[[], Any]) -> None:
    """The newest state of an order stays, whatever comes after it; a second order makes a repeat customer."""
    messages = [order(1, "pending", 0), order(1, "paid", 2), order(1, "pending", 1), order(1, "paid", 2)]
    added = list[int]()
    for message in messages:
        with opened() as client:
            added.append(deliver(client, message).json()["added"])
    assert added == [2, 1, 0, 0]

    with opened() as client:
        assert client.get("/people/77").json()["stage"] == "customer"
        deliver(client, order(2, "paid", 3, created_at=(NOON - timedelta(days=1)).isoformat()))
        answer = client.get("/people/77").json()
        assert answer["stage"] == "repeat_customer"
        assert answer["explanation"].startswith("Say thank you")
        assert any("purchase_count" in reason for reason in answer["reasons"])
        assert client.get("/today").json() == []


@requires("FastAPI")
def test_a_cancelled_order_stays_cancelled(opened: Callable[[], Any]) -> None:
    """A payment message that is late makes no customer."""
    with opened() as client:
        deliver(client, order(1, "paid", 5, cancelled_at=(NOON + timedelta(hours=5)).isoformat()))
        deliver(client, order(1, "paid", 1))
        assert client.get("/people/77").json()["stage"] == "prospect"


@requires("FastAPI")
def test_a_refund_may_come_before_its_order(opened: Callable[[], Any]) -> None:
    """The refund is unresolved; with its order the amount is refunded, and the person is a prospect."""
    refund = {**shopify_refund("25.00"), "order_id": 1, "created_at": NOON.isoformat()}
    with opened() as client:
        assert deliver(client, refund, "refunds/create").json() == {"added": 1, "ignored": ""}
        assert deliver(client, refund, "refunds/create").json() == {"added": 0, "ignored": ""}
        deliver(client, order(1, "paid", 1))
        assert client.get("/people/77").json()["stage"] == "prospect"


@requires("FastAPI")
def test_each_webhook_has_its_answer(opened: Callable[[], Any]) -> None:
    """401 without the signature, 422 for a body that can never succeed, 503 for one that may, 200 for other topics."""
    too_much = {**shopify_refund("28.00"), "order_id": 1, "created_at": (NOON + timedelta(hours=2)).isoformat()}
    with opened() as client:
        assert deliver(client, order(1, "paid", 1), key="guess").status_code == 401
        assert client.post("/webhooks/shopify", content=b"{}").status_code == 401
        refused = deliver(client, order(1, "Sari Dewi", 1))
        assert (refused.status_code, "financial_status" in refused.text, "Sari" in refused.text) == (422, True, False)
        assert client.get("/people/77").json()["stage"] == "lead"

        deliver(client, order(1, "paid", 1))
        later = deliver(client, too_much, "refunds/create")
        assert (later.status_code, later.headers["Retry-After"]) == (503, "1")
        assert deliver(client, {}, "orders/delete").json() == {"added": 0, "ignored": "topic without records"}


@requires("FastAPI")
def test_a_customer_is_written_with_contact_details(opened: Callable[[], Any], tmp_path: Path) -> None:
    """The details are in the store, and erasing the person removes them."""
    with opened() as client:
        assert deliver(client, shopify_customer(), "customers/update").json() == {"added": 1, "ignored": ""}
    with SqlAlchemyStore(create_engine(f"sqlite:///{tmp_path / 'shop.db'}")) as store:
        customer = store.history("77").customer
        assert customer is not None
        assert customer.name == "Sari Dewi"
        store.erase("77")
    assert b"Sari" not in (tmp_path / "shop.db").read_bytes()


# ---- Django -------------------------------------------------------------------------------------------------------


def output_of(journey: Path) -> list[str]:
    """Return the output lines of a journey, run in its own process."""
    run = subprocess.run(
        [sys.executable, journey],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


@requires("django-oscar")
def test_oscars_signals_write_orders(root: Path) -> None:
    """A person who orders by the shop's own code becomes a customer, a repeat customer, and back."""
    assert output_of(root / "examples" / "oscar_shop" / "journey.py") == [
        "registered: lead",
        "ordered: customer",
        "ordered again: repeat_customer",
        "written again: 0 changed, 1 cannot be written",
        "cancelled one: customer",
        "cancelled one: prospect",
        "History('user-1', leads=1, purchases=2, refunds=0, interactions=0, referrals=0)",
    ]


@requires("django-oscar")
def test_djangos_signals_write_orders(root: Path) -> None:
    """Saved orders count, rolled back orders do not; SQL changes and invalid orders count once they are written."""
    assert output_of(root / "examples" / "django_shop" / "journey.py") == [
        "ordered: customer",
        "rolled back: customer",
        "ordered again: repeat_customer",
        "cancelled by SQL: repeat_customer",
        "noted and written: prospect",
        "a bad order is saved, 1 waits: prospect",
        "the order is corrected, 0 wait: customer",
    ]
