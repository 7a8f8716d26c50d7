"""Metrics: many people, one number or table, never without what it is a share of, its window and its interval."""
