"""Rates: the shop's own exchange rates, and amounts converted to the one currency of its reports."""

from funnel.rates._rates import Rates

__all__ = ["Rates"]
