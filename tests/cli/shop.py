"""Made-up order files for tests of the report."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAPPING = """
currency = "IDR"
zone = "Asia/Jakarta"
amount_style = "id"

[columns]
id = "No"
person_id = "Buyer"
purchased_at = "When"
amount = "Total"
refunded_amount = "Back"
refunded_at = "Back on"
"""

ORDERS = """No,Buyer,When,Total,Back,Back on
1,ani,2026-01-01 09:00,150.000,,
2,ani,2026-02-01 09:00,250.000,,
3,ani,2026-03-01 09:00,350.000,,
4,budi,2025-06-01 09:00,75.000,,
5,citra,2026-05-20 09:00,80.000,,
6,dewi,2026-05-01 09:00,90.000,90.000,2026-05-10 09:00
7,,2026-05-01 09:00,90.000,,
8,eko,2026-06-02 09:00,10.000,,
"""


def write_files(folder: Path, orders: str = ORDERS, mapping: str = MAPPING) -> list[str]:
    """Write the file and its mapping, and return the arguments for its report."""
    (folder / "orders.csv").write_text(orders, encoding="utf-8")
    (folder / "orders.toml").write_text(mapping, encoding="utf-8")
    return ["report", str(folder / "orders.csv"), "--mapping", str(folder / "orders.toml")]


def many_orders() -> str:
    """Return the orders of 160 people, who first bought two days apart and then came again one to five times."""
    rows = ["No,Buyer,When,Total,Back,Back on"]
    for person in range(160):
        first = date(2025, 5, 1) + timedelta(days=2 * person)
        for number in range(2 + person % 5):
            day = first + timedelta(days=number * (15 + person % 29))
            rows.append(f"{person}-{number},p{person},{day} 09:00,{50 + person % 7 * 10}.000,,")
    return "\n".join(rows)
