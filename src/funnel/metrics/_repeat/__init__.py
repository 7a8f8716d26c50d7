"""Repeat purchases: how many people buy again, how soon, after what start, and how regularly."""
