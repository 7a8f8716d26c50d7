"""Print how many people have another stage if a buyer lapses after another number of days."""

from __future__ import annotations

from datetime import timedelta

from _shop import parser, read

from funnel import Policy, stage
from funnel.backtest import compare_rules


def main() -> None:
    """Read the file and print the comparison."""
    arguments = parser(__doc__)
    arguments.add_argument("days", type=int, nargs=2, metavar="DAYS", help="the present limit, and the new limit")
    options = arguments.parse_args()
    shop, as_of = read(options)
    old, new = (Policy(lapse_after=timedelta(days=days)) for days in options.days)
    print(compare_rules(stage, stage, shop.logs(), old, as_of=as_of, new_policy=new))


main()
