"""Forecasts: fitted models of who buys again, how often and for how much, with intervals.

Needs the extra `forecast` (NumPy and SciPy).
"""

from __future__ import annotations

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "BuyingModel": "forecast._buying_model",
        "CheckedGroup": "forecast._check",
        "CustomerValue": "forecast._value",
        "Estimate": "forecast._forecast",
        "Forecast": "forecast._forecast",
        "ModelCheck": "forecast._check",
        "Parameter": "forecast._parameter",
        "SpendingModel": "forecast._spending_model",
        "buying_model": "forecast._buying_model",
        "check_model": "forecast._check",
        "spending_model": "forecast._spending_model",
    },
)
