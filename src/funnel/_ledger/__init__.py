"""One person's ledger: records become rows of the streams.

- `rows`: each record as it is written down
- `kept`: what a ledger holds
- `worked_out`: the streams that follow from several records
- `ledger`: one person's rows, kept in order as records come
"""
