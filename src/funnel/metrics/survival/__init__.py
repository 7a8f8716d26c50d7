"""Time until something happens, where many are still waiting.

- `ask`: the question, and the curve
- `waits`, `waiting`: waits from events, and waits as they are given
- `curve`: the product-limit estimate on an engine
- `estimates`, `plateau`, `log_rank`: what is read off a curve, where it stands still, and whether two differ
"""
