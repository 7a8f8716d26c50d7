"""Forecasts: fitted models of who buys again, how often and for how much, with intervals.

Needs the extra `forecast` (NumPy and SciPy).
"""

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "forecast._buying": "buying_model",
        "forecast._buying_model": "BuyingModel",
        "forecast._columns": "ForecastColumns",
        "forecast._covariates": "Covariate CovariateEffect",
        "forecast._check": "CheckedCount CheckedGroup CheckedWeek ModelCheck check_model",
        "forecast._predict": "Estimate Forecast NextPurchase",
        "forecast._buyers": "Parameter",
        "forecast._shop": "PastForecast Prediction ShopForecast ShopWeek shop_forecast",
        "forecast._value": "CustomerValue SpendingModel spending_model",
    },
    extra="forecast",
)
