"""Replay of everyone in local memory: sorted rows and numpy, in blocks of people.

Invariant: the transitions equal those of `replay_frames`, which runs on every engine. Needs numpy and Polars; import it
only if both are installed.

- `event_rows`: rows that begin or cease to count, sorted by person and instant
- `segments`: values at each instant of each person
- `trees`: answers of rules over arrays
- `replay_numpy`: transitions
- `columns`: records that caused the transitions
"""
