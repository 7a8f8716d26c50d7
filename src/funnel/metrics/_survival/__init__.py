"""Survival: time until an event, with people who are still waiting."""
