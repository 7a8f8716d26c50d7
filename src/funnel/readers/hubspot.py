"""Exports of HubSpot."""

from funnel.readers._reader import Reader

__all__ = ["contacts", "deals"]

contacts: Reader = Reader("hubspot.contacts")
"""Reader of the contacts export (Contacts > Export)."""

deals: Reader = Reader("hubspot.deals")
"""Reader of the deals export (Deals > Export)."""
