"""The four example back ends in `examples` run."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from examples import plain_script
from funnel import AsyncSqlAlchemyStore

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
HOUR = timedelta(hours=1)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield a client of the back end with a fixed clock."""
    from fastapi.testclient import TestClient

    from examples import fastapi_shop

    monkeypatch.setenv("SHOP_DATABASE", f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}")
    asyncio.run(fastapi_shop.create_tables())
    fastapi_shop.app.dependency_overrides[fastapi_shop.now] = lambda: NOON + 9 * HOUR
    with TestClient(fastapi_shop.app) as client:
        yield client


def webhook_body(order: str, status: str, hours: int) -> dict[str, str]:
    """Return the web shop's message about an order, some hours after noon."""
    return {
        "order_id": order,
        "customer_id": "sari",
        "placed_at": NOON.isoformat(),
        "total": "25.00",
        "currency": "USD",
        "status": status,
        "changed_at": (NOON + hours * HOUR).isoformat(),
    }


@requires("FastAPI")
def test_webhooks_may_be_repeated_and_out_of_order(client: Any) -> None:
    """Repeated and late statuses are one delivered order; a second order makes a repeat customer."""
    answers = [
        client.post("/webhooks/orders", json=webhook_body("1", status, 1)).json()["added"]
        for status in ("shipped", "shipped", "placed", "delivered", "paid", "delivered")
    ]
    assert answers == [1, 0, 0, 1, 0, 0]
    assert client.get("/people/sari").json()["stage"] == "customer"

    client.post("/webhooks/orders", json=webhook_body("2", "paid", 2))
    answer = client.get("/people/sari").json()
    assert answer["stage"] == "repeat_customer"
    assert answer["explanation"].startswith("Say thank you")
    assert any("purchase_count" in reason for reason in answer["reasons"])


@requires("FastAPI")
@pytest.mark.parametrize(("between", "code"), [("stage_record", 200), ("history", 503)])
def test_the_second_writer_overwrites_nothing(
    client: Any, monkeypatch: pytest.MonkeyPatch, between: str, code: int
) -> None:
    """The order is cancelled while a payment message is processed: it stays cancelled."""
    from examples.fastapi_shop import OrderEvent

    client.post("/webhooks/orders", json=webhook_body("1", "placed", 1))
    real = getattr(AsyncSqlAlchemyStore, between)
    later = OrderEvent.model_validate(webhook_body("1", "cancelled", 2)).as_record()

    async def meddled(store: AsyncSqlAlchemyStore, person_id: str) -> Any:
        read = await real(store, person_id)
        await store.amend(later, recorded_at=NOON + 9 * HOUR)
        return read

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(AsyncSqlAlchemyStore, between, meddled)
        answer = client.post("/webhooks/orders", json=webhook_body("1", "paid", 1))
    assert answer.status_code == code

    assert client.post("/webhooks/orders", json=webhook_body("1", "paid", 1)).json() == {"added": 0}
    assert client.get("/people/sari").json()["stage"] == "prospect"


@requires("FastAPI")
def test_a_refund_may_come_before_its_order(client: Any) -> None:
    """It is unresolved; with its order the amount is refunded, and there is no customer."""
    refund = {"refund_id": "r", "order_id": "1", "refunded_at": NOON.isoformat(), "total": "25", "currency": "USD"}
    assert client.post("/webhooks/refunds", json=refund).json() == {"added": 1}
    assert client.post("/webhooks/refunds", json=refund).json() == {"added": 0}
    client.post("/webhooks/orders", json=webhook_body("1", "paid", 1))

    assert client.get("/people/sari").json()["stage"] == "prospect"
    assert client.get("/today").json() == []


@requires("FastAPI")
def test_a_cancelled_order_makes_no_customer(client: Any) -> None:
    """It stays cancelled if the payment message is late."""
    for status in ("cancelled", "paid"):
        client.post("/webhooks/orders", json=webhook_body("1", status, 1))

    assert client.get("/people/sari").json()["stage"] == "prospect"


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
