"""Why those who did not come back left.

- `ask`: the question, and what is told
- `left`: who left, what they said, and what had gone wrong before
"""
