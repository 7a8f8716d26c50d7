"""The rules of a shop, one file a question it asks: each a plain function of facts and policy under `@rule`.

- `activity`: have they bought, are they silent, lapsed, overdue, won back
- `postponement`: not yet: until when, and has the day come
- `trust`: what is unanswered, late or unrepaired, and when a sum asks for more assurance
- `buying`: where they are in buying, from need to after-sale
- `readiness`: are they ready to buy
- `window`: when they may buy, from the earliest to the latest
- `follow_up`: what to do next, since when, and what is at stake
"""
