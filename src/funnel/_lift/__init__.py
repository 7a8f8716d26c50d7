"""Lifting: a plain typed function of one person's facts becomes a decision tree that runs anywhere.

The function is called with symbolic facts. A comparison yields a condition; asking a condition for its truth
(`if`, `and`, `or`, `not`, `in`, a chained comparison, `match`, `min`, a helper function) is a fork, and the function
is run again until every fork has been taken both ways. Nothing here knows of shops: a fact is a name, a kind and
the range of whole numbers it can take.

- `nodes`: facts, constants, arithmetic and tests, with the range of each
- `linear`: a test as one linear form, so that two spellings of one condition are one
- `symbols`: what the function sees instead of values
- `tree`: the runs that grow the tree
- `proof`: the function on plain values, against its tree
- `code`: the tree as Python, for one person
- `columns`: the tree as an expression of a dataframe engine
- `clock`: the instants at which time alone can change the answer
- `paths`: every way through the tree, in words
- `witness`: one set of facts for each way
"""
