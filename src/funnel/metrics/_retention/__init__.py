"""Retention: repeat purchases by cohort, and lifecycle counts by period."""
