"""Readers of leads and customers: Meta, Google Ads, HubSpot and Shopify."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest

from funnel.errors import ArgumentError, LogsError
from funnel.readers import google_ads, hubspot, meta, shopify
from tests.readers.exports import SAMPLES
from tests.readers.results import frame
from tests.readers.shop import account

if TYPE_CHECKING:
    from pathlib import Path


def test_meta_leads_have_their_platform_campaign_and_instant() -> None:
    """The offset of each time is used; a lead that was sent twice at one instant is one lead."""
    sample = SAMPLES["meta.leads.csv"]
    data = meta.leads(sample.path)
    assert data.leads.rows() == [
        ("+628120000002", datetime(2026, 3, 1, 2, 30, tzinfo=UTC), "instagram", "Ramadan sale"),
        ("sari@example.com", datetime(2026, 3, 1, 2, tzinfo=UTC), "facebook", "Ramadan sale"),
        ("sari@example.com", datetime(2026, 3, 3, 3, tzinfo=UTC), "facebook", ""),
    ]
    assert account(data) == {
        "rows in the file": ("read", 7, ()),
        "rows kept": ("read", 3, ()),
        "leads": ("read", 3, ()),
        "customers": ("read", 0, ()),
        "lead of the same person at the same instant": ("merged", 1, (6,)),
        "lead without its time": ("refused", 1, (7,)),
        "no known person": ("refused", 1, (3,)),
        "test lead": ("refused", 1, (4,)),
    }
    assert data.customers.is_empty()
    assert meta.leads(sample.path, contacts=True).customers.rows() == [
        ("+628120000002", "Budi Jaya", "", "+628120000002", ""),
        ("sari@example.com", "Sari Dewi", "sari@example.com", "+628120000001", ""),
    ]
    data.logs()


def test_a_meta_form_may_ask_for_two_names(tmp_path: Path) -> None:
    """First and last name together are the name; without a platform the source is meta."""
    path = tmp_path / "leads.csv"
    path.write_text(
        "id,created_time,adset_id,form_id,first_name,last_name,phone_number\n"
        "l:1,2026-03-01T09:00:00+07:00,as:1,f:1,Sari,Dewi,p:+628120000001\n",
        encoding="utf-16",
    )
    data = meta.leads(path, contacts=True)
    assert data.leads["source"].to_list() == ["meta"]
    assert data.customers["name"].to_list() == ["Sari Dewi"]


def test_the_same_lead_in_two_files_is_one_lead() -> None:
    """A row with the id of another row is merged with it."""
    path = SAMPLES["google_ads.leads.csv"].path
    data = google_ads.leads([path, path], zone="Europe/Vienna")
    assert data.leads.rows() == [
        ("+436600000002", datetime(2026, 3, 2, 8, 30, tzinfo=UTC), "google_ads", "Spring"),
        ("eva@example.com", datetime(2026, 3, 1, 8, tzinfo=UTC), "google_ads", "Spring"),
    ]
    assert account(data)["row with the id of another row"] == ("merged", 2, (4, 5))


def test_google_leads_need_a_zone_and_no_name(tmp_path: Path) -> None:
    """The times have no zone; a form need not ask for a name."""
    path = tmp_path / "leads.csv"
    path.write_text("Lead ID,GCLID,Date Submitted,User Email\ng1,x,2026-03-01 09:00:00,eva@example.com\n")
    with pytest.raises(ArgumentError, match="times without a zone"):
        google_ads.leads(path)
    assert google_ads.leads(path, zone="UTC", contacts=True).customers["name"].to_list() == [""]


def test_shopify_customers_are_no_leads() -> None:
    """The export has no day of arrival, which the account notes; contact data is read only when asked for."""
    path = SAMPLES["shopify.customers.csv"].path
    data = shopify.customers(path, contacts=True, calling_code="62")
    assert data.leads.is_empty()
    assert data.customers.rows() == [
        ("+6281200000002", "Budi", "", "+6281200000002", "Jl. Anggrek 1"),
        ("sari@example.com", "Sari Dewi", "sari@example.com", "+628120000001", "Jl. Melati 5"),
    ]
    note = "customer without the day of arrival, so not a lead: this export has no such column"
    assert account(data)[note] == ("noted", 2, (1, 2))
    assert account(data)["row without its id"] == ("refused", 1, (3,))
    assert shopify.customers(path).customers.is_empty()


@pytest.mark.parametrize(
    ("order", "customer", "key"),
    [
        ({"Email": " Sari@Example.com "}, {"Email": "sari@example.com", "Phone": "'+628120000009"}, "sari@example.com"),
        (
            {"Email": "", "Phone": "0812-0000-0009", "Billing Phone": "'+62 812 1", "Shipping Phone": "0813-0000-0001"},
            {"Email": "", "Phone": "'+62 812 0000 0009", "Default Address Phone": "0813-0000-0001"},
            "+6281200000009",
        ),
        (
            {"Email": "", "Phone": "", "Billing Phone": "'0812-0000-0009"},
            {"Email": "", "Phone": "", "Default Address Phone": "0812 0000 0009"},
            "+6281200000009",
        ),
    ],
    ids=["address", "telephone", "telephone of the address"],
)
def test_a_shopify_customer_has_the_key_of_the_orders(
    order: dict[str, str], customer: dict[str, str], key: str
) -> None:
    """One person has one key in the orders export and in the customers export."""
    orders = frame("shopify.orders.csv", order).with_columns(Phone=pl.lit(order.get("Phone", "")))
    bought = shopify.orders(orders, calling_code="62")
    people = shopify.customers(frame("shopify.customers.csv", customer), calling_code="62", contacts=True)

    assert bought.purchases["person_id"].to_list() == people.customers["person_id"].to_list() == [key]


def test_a_shopify_customer_without_address_and_telephone_has_the_id() -> None:
    """Nothing else is known of such a customer."""
    nothing = {"Email": "", "Phone": "", "Default Address Phone": ""}
    data = shopify.customers(frame("shopify.customers.csv", nothing), contacts=True)

    assert data.customers["person_id"].to_list() == ["7210000000001"]


def test_hubspot_contacts_arrive_at_their_create_date() -> None:
    """The person is the record id, whatever the lifecycle stage; a repeated column that is not read does not matter."""
    data = hubspot.contacts(SAMPLES["hubspot.contacts.csv"].path, zone="Europe/Vienna")
    assert data.leads.rows() == [
        ("8001", datetime(2026, 3, 1, 8, tzinfo=UTC), "Organic Search", ""),
        ("8002", datetime(2026, 3, 2, 13, 30, tzinfo=UTC), "Paid Social", ""),
    ]
    assert account(data)["lead without its time"] == ("refused", 1, (3,))


def test_a_hubspot_column_that_is_read_may_not_stand_twice(tmp_path: Path) -> None:
    """If two columns have one name, the reader cannot say which is the contact's."""
    path = tmp_path / "contacts.csv"
    path.write_text(
        "Record ID,Email,Lifecycle Stage,Create Date,Email\n1,a@example.com,Lead,2026-03-01 09:00,b@example.com\n"
    )
    with pytest.raises(LogsError, match="'Email' stands twice"):
        hubspot.contacts(path, zone="UTC")


def test_hubspot_times_may_be_american(tmp_path: Path) -> None:
    """A portal may write months first, with AM and PM; a contact without names has none."""
    path = tmp_path / "contacts.csv"
    path.write_text("Record ID,Email,Lifecycle Stage,Create Date\n1,a@example.com,Lead,3/15/2026 2:30 PM\n")
    data = hubspot.contacts(path, zone="UTC", contacts=True)
    assert data.leads["arrived_at"].to_list() == [datetime(2026, 3, 15, 14, 30, tzinfo=UTC)]


def test_won_hubspot_deals_are_purchases_of_their_contact() -> None:
    """Open, lost and unknown stages are refused; of several contacts the first is taken and noted."""
    path = SAMPLES["hubspot.deals.csv"].path
    data = hubspot.deals(path, zone="Europe/Vienna")
    assert data.purchases.select("id", "person_id", "purchased_at", "amount", "status").rows() == [
        ("9001", "8001", datetime(2026, 3, 5, 9, tzinfo=UTC), 125050, "paid"),
        ("9002", "8002", datetime(2026, 3, 6, 9, tzinfo=UTC), 8000, "paid"),
    ]
    assert account(data) == {
        "rows in the file": ("read", 6, ()),
        "rows kept": ("read", 2, ()),
        "purchases": ("read", 2, ()),
        "deal that is still open": ("refused", 1, (4,)),
        "deal that was lost": ("refused", 1, (3,)),
        "no known buyer": ("refused", 1, (6,)),
        "status that the reader does not know; name it in statuses": ("refused", 1, (5,)),
        "deal of several contacts, taken for the first": ("noted", 1, (2,)),
    }
    renamed = hubspot.deals(path, zone="Europe/Vienna", statuses={"Paid in advance": "paid"})
    assert renamed.purchases["id"].to_list() == ["9001", "9002", "9005"]
