"""Whom to write to, what, why and when: the worklist of a shop.

- `hours`: when the shop writes, by its own clock
- `tasks`: the list of one person or many, with reasons
- `frames`: the same as columns, on every engine
- `worklist`: what is asked
"""
