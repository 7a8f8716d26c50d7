"""The part of a shop that knows where each person stands, why, and what to do next."""
