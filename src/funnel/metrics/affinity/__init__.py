"""What is bought together and what after what, and so what to offer next.

- `ask`: the question, and what is told
- `pairs`: the counts behind it, of histories and of logs
- `offers`: the next offer of each person
"""
