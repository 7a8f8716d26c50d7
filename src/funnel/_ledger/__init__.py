"""Ledger of one person: records become rows of the streams.

- `rows`: each record as a row
- `state`: the data of a ledger
- `derived`: streams derived from several records
- `ledger`: the rows of one person, sorted as records come
- `incremental`, `incremental_derived`: the changes that each new record makes
- `steps`: direct updates of running values
- `streams`: the streams and their columns
"""
