"""Churn reasons: why lapsed buyers did not return."""
