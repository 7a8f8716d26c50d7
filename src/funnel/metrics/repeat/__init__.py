"""Who buys again: how many, how soon, after what beginning, and how regularly.

- `rates`: the three rates that are called so
- `steps`: from each purchase to the next
- `origin`: by where people came from and what they bought first
- `honeymoon`: those who began with a promotion beside the rest
- `rhythm`: the typical gap, and how regular it is
- `numbered`: purchases with their numbers, and who has had the time, which the others rest on
"""
