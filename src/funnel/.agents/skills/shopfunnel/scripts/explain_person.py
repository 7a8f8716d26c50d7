"""Print the stage of one person with each deciding condition, when it changes, and the next action."""

from __future__ import annotations

import sys

from _shop import parser, read

from funnel import Policy, next_action, stage
from funnel.errors import ArgumentError
from funnel.messages import explain


def main() -> None:
    """Read the file and print the explanation."""
    arguments = parser(__doc__)
    arguments.add_argument("person", help="the id of the person")
    options = arguments.parse_args()
    shop, as_of = read(options)
    policy = Policy()
    try:
        history = shop.logs().history(options.person)
    except ArgumentError as error:
        sys.exit(f"error: {error}")
    print(stage.why(history, policy, as_of=as_of))
    change = stage.next_change(history, policy, as_of=as_of)
    print("the stage stays as it is" if change is None else f"the stage changes at {change.astimezone(options.tz)}")
    print(explain(next_action, history, policy, as_of=as_of))


main()
