"""Conversion: how many people enter a funnel, how far they get, how long it takes."""
