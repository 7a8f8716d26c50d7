"""Everyone's moves in local memory: rows put in order and looked through by numpy, some people at a time.

Law: the moves are those of `many`, which every engine can find. Needs numpy and Polars; import it only where both are.

- `lines`: the rows at which something counts or ceases to, in order of people and instants
- `values`: what is known at each instant of each person
- `trees`: the answers of rules over arrays
- `kernel`: the moves
"""
