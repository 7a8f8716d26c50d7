"""Five ways to grow: leads, conversion, transactions, average sale and margin.

- `ask`: the question, and its answer from everyone's purchases
- `five_ways`: what is told, how a change parts into the five, and what another lever would give
"""
