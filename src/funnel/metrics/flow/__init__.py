"""How people flow through the stages: who stands where in each period, who moves where, how long it takes.

- `counted`: the question, and its answer from everyone's moves
- `result`: what is told
- `differ`: two rule books beside each other
"""
