"""Metrics: many people, one number or table, with numerator, denominator, window and interval."""

from __future__ import annotations

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "metrics._affinity.affinity": "Affinity Pair affinity",
        "metrics._affinity.next_offers": "next_offers",
        "metrics._by_group": "Groups people_by",
        "metrics._churn_reasons.churn_reasons": "ChurnOrigin ChurnReason ChurnReasons ServiceProblem churn_reasons",
        "metrics._conversion.attempts": "StepCount",
        "metrics._conversion.conversion": "conversion",
        "metrics._conversion.drivers": "Driver Drivers",
        "metrics._conversion.prepared": "Events",
        "metrics._conversion.groups": "GroupBy bins",
        "metrics._conversion.query": "Exclusion FunnelStep Matching",
        "metrics._conversion.result": "Comparison FunnelGroup FunnelResult",
        "metrics._conversion.times": "StepTime TimeHistogram",
        "metrics._conversion.trend": "FunnelPeriod Trend",
        "metrics._conversion.value": "StepValue",
        "metrics._growth.five_ways": "FiveWays FixedMix Growth GrowthChange WhatIf",
        "metrics._growth.growth": "growth referral_rate",
        "metrics._lifecycle": "Lifecycle Lifecycles lifecycle",
        "metrics._margin": "MarginGroup MarginGroups margin_by",
        "metrics._purchase_summary": "PurchaseSummary",
        "metrics._rate": "Difference Rate",
        "metrics._repeat.by_origin": "RepeatGroup RepeatGroups repeat_by",
        "metrics._repeat.promotion_retention": "PromotionComparison PromotionRetention promotion_retention",
        "metrics._repeat.rates": "RepeatRates repeat_rate repeat_rate_within repeat_rates returning_rate",
        "metrics._repeat.rhythm": "Rhythm purchase_rhythm",
        "metrics._repeat.steps": "PurchaseStep PurchaseSteps purchase_steps",
        "metrics._repeat.window": "RepeatRate",
        "metrics._retention.cohort": "Cohort Ratio",
        "metrics._retention.cohorts": "Cohorts",
        "metrics._retention.retention": "Counting retention",
        "metrics._rfm": "ScoreCount SegmentShare Segments rfm_quantiles segments",
        "metrics._stage_flow.stage_flow": "StageFlow StagePeriod TransitionRate stage_flow",
        "metrics._survival.durations": "durations",
        "metrics._survival.estimates": "ConversionAt RestrictedMean SurvivalStep TimeQuantile",
        "metrics._survival.logrank": "LogrankTest SurvivalGroups logrank_test",
        "metrics._survival.result": "Plateau Survival",
        "metrics._survival.survival": "survival",
        "metrics._warm_up": "warm_up",
    },
)
