"""Conversion: who enters a funnel, how far they come, how long it takes, and how sure that is."""

from __future__ import annotations

from funnel.metrics.conversion.ask import conversion
from funnel.metrics.conversion.compared import Comparison
from funnel.metrics.conversion.counted import StepCount
from funnel.metrics.conversion.drivers import Driver, Drivers
from funnel.metrics.conversion.groups import By, bands
from funnel.metrics.conversion.result import Funnel, FunnelGroup
from funnel.metrics.conversion.steps import Exclusion, FunnelStep
from funnel.metrics.conversion.times import StepTime
from funnel.metrics.conversion.trend import FunnelPeriod, Trend
from funnel.metrics.conversion.value import StepValue

__all__ = [
    "By",
    "Comparison",
    "Driver",
    "Drivers",
    "Exclusion",
    "Funnel",
    "FunnelGroup",
    "FunnelPeriod",
    "FunnelStep",
    "StepCount",
    "StepTime",
    "StepValue",
    "Trend",
    "bands",
    "conversion",
]
