"""Rules as decision trees: trace a plain typed function of one person's facts, then compile it for any engine.

The function is called with proxies in place of facts. Each comparison yields a condition. A fork is a request for the
truth of a condition (`if`, `and`, `or`, `not`, `in`, a chained comparison, `match`, `min`, a helper function). The
function runs again until both branches of every fork are known. This package does not depend on shops: a fact is a
name, a kind and the range of integers it can take.

- `nodes`: facts, constants, arithmetic and tests, with the range of each
- `linear`: each test as one linear form, so that two spellings of one condition are equal
- `tracer`: the proxies that the function receives instead of values
- `tree`: the repeated runs that build the tree
- `verify`: the function called on plain values and compared with its tree
- `to_python`: the tree as Python, for one person
- `to_narwhals`: the tree as an expression of a dataframe engine
- `next_change`: the instants at which time alone can change the answer
- `explain`: every path through the tree, as text
- `solver`: one set of facts for each path
"""
