"""Print what a file of orders holds, as JSON: the account of its rows, people per stage and repeat rates."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from _shop import parser, read

from funnel import Policy, Rate, repeat_rates, stage


def main() -> None:
    """Read the file and print the summary."""
    options = parser(__doc__).parse_args()
    shop, as_of = read(options)
    logs, policy = shop.logs(), Policy()
    rates = repeat_rates(logs, policy.lapse_after, as_of=as_of)
    summary = {
        "as_of": as_of.isoformat(),
        "account": str(shop).splitlines(),
        "currency": shop.currency,
        "people_by_stage": dict(Counter(stage.over(logs, policy, as_of=as_of)["stage"])),
        f"bought_again_within_{policy.lapse_after.days}_days": _rate(rates.within.rate),
        "still_pending": rates.within.pending,
        "bought_again_by_now": _rate(rates.ever),
    }
    print(json.dumps(summary, indent=2))


def _rate(rate: Rate) -> dict[str, Any]:
    counts = {"value": rate.value, "successes": rate.successes, "trials": rate.trials}
    return {**counts, "ci_95": [rate.ci_lower, rate.ci_upper]}


main()
