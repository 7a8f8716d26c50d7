"""Reductions: many records of one person become one value, in three forms under one law.

Law: for every set of records and every instant, the fold over one person's rows, the aggregate of a table of all
people and the running window at that instant give the same value.

A row counts from `start` until just before `end`; of a stream that is `living` only the rows that count at the instant
are seen, of any other every row that has started. Rows are ordered by `(t, rank, source, id)`.

- `forms`: what a reduction is, and all forms of each way to combine values, side by side
- `folds`: one person, in plain Python
- `aggregates`: all people at one instant, one row a person
- `windows`: all people at every instant of their own at which something counts or ceases to
"""
