"""Aggregations: many records of one person become one value, in three equivalent forms.

Invariant: for every set of records and every instant, three forms give the same value: the fold of one person's rows,
the aggregate of a table of all people, and the running window at that instant.

A row is valid from `start` until just before `end`. A `living` stream uses only the rows that are valid at the instant.
Any other stream uses every row that has started. Rows are ordered by `(t, rank, source, id)`.

- `aggregations`: reductions, and all forms of each way to combine values, side by side
- `fold`: one person, in plain Python
- `group_by`: all people at one instant, one row per person
- `window`: all people, at every instant at which one of their rows starts or ends
- `running`: one stream, updated while rows are added and removed
- `within`: windows of time: rows that count until they are too old
"""
