"""Replay of everyone in local memory: loops over the rows of each person, in blocks of people.

Invariant: the transitions equal those of `replay_frames`, which runs on every engine. Needs numba and Polars; import it
only if both are installed.

- `event_rows`: rows that begin or cease to count, as arrays of integers
- `loops`: values at each instant of each person
- `replay_numpy`: transitions
- `columns`: records that caused the transitions
"""
