"""Counts of lapsed buyers, their reasons and service problems, by the engine that holds the records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import narwhals as nw

from funnel._aggregate.group_by import value_name
from funnel._dataframes.adapter import Frame
from funnel._dataframes.compute import to_rows, whole
from funnel._expr.to_narwhals import to_int, tree_column
from funnel._time import FOREVER, MICROSECOND, NEVER
from funnel.facts import Facts
from funnel.facts._frames import fact_column, raw_facts_over
from funnel.facts._schema import narrowed
from funnel.logs import Logs
from funnel.metrics._purchases import PERSON
from funnel.metrics._repeat.window import numbered_occasions
from funnel.policy import Policy
from funnel.rules._activity import has_bought_again, is_lapsed

PROBLEMS = ("complaint", "late_delivery", "unanswered_question")
_READ = (
    "occasion_count",
    "purchase_count",
    "since_last_purchase",
    "since_last_decline",
    "decline_reason",
    "since_last_postponement",
    "postponement_reason",
)
ReasonKey = tuple[bool, bool, str, str]


def reason_counts(logs: Logs, policy: Policy, now: int) -> Mapping[ReasonKey, int]:
    """Count buyers by repeat purchase, lapse, "no" or "not_yet", and reason.

    The last answer after the last purchase counts. Both texts are "" without an answer since then.
    """
    plan = narrowed(Facts._fact_plan, frozenset(_READ))
    column = fact_column(plan, nw.lit(now, nw.Int64()))
    columns = {name: nw.col(value_name(plan.indices[name])) for name in _READ}
    rules = {"_again": has_bought_again, "_left": is_lapsed}
    answers = {name: to_int(tree_column(rule._compiled_rule(policy).tree, column)) for name, rule in rules.items()}
    people = raw_facts_over(plan, logs, now).select(PERSON, **columns, **answers).filter(nw.col("purchase_count") > 0)
    bought, refused, later = (nw.col(f"since_last_{event}") for event in ("purchase", "decline", "postponement"))
    said_no = (refused > bought) & (refused >= later)
    not_yet = later > bought
    texts = people.with_columns(
        _said=_first(said_no, nw.lit("no"), not_yet, nw.lit("not_yet")),
        _why=_first(said_no, nw.col("decline_reason"), not_yet, nw.col("postponement_reason")),
    )
    keys = ("_again", "_left", "_said", "_why")
    counts = to_rows(texts.group_by(*keys).agg(nw.len().alias("_people")), *keys, "_people")
    return {
        (bool(is_repeat), bool(lapsed), str(answer), str(why)): whole(many)
        for is_repeat, lapsed, answer, why, many in counts
    }


def _first(one: nw.Expr, then: nw.Expr, other: nw.Expr, instead: nw.Expr) -> nw.Expr:
    rest = nw.when(other).then(instead).otherwise(nw.lit("", nw.String()))
    return nw.when(one).then(then).otherwise(rest)


# ---- service problems ----------------------------------------------------------------------------------------------


def return_counts(logs: Logs, policy: Policy, now: int) -> tuple[Mapping[tuple[bool, ...], int], int, int]:
    """Count buyers by service problems soon after a purchase, and by later return.

    Each buyer counts once, from their last occasion that is at least `lapse_after` old. A problem counts within
    `after_sale_for` of it. A return is an occasion after that and within `lapse_after`.

    Returns:
        The counts by the problems in their order and by return; the number of people who bought again so soon that they
        are excluded; the number of people without a purchase that is old enough.
    """
    rows = numbered_occasions(logs, now)
    if rows is None:
        return {}, 0, 0
    problem_within, span = policy.after_sale_for // MICROSECOND, policy.lapse_after // MICROSECOND
    people = _from_last_old(rows, now - span)
    marked = people.join(_problems(logs, policy, people, problem_within), on=PERSON, how="left")
    marked = marked.with_columns(
        *(nw.col(name).fill_null(0).cast(nw.Int64()) for name in PROBLEMS),
        _back=to_int(nw.col("_wait") <= span),
        _old=to_int(nw.col("_last") <= now - span),
        _slow=to_int(nw.col("_wait") > problem_within),
    )
    keys = ("_old", "_slow", *PROBLEMS, "_back")
    counts = to_rows(marked.group_by(*keys).agg(nw.len().alias("_people")), *keys, "_people")
    by_key = [(*map(bool, key), whole(many)) for *key, many in counts]
    compared = {tuple(map(bool, rest)): whole(many) for old, slow, *rest, many in by_key if old and slow}
    returned_early = sum(many for old, slow, *_, many in by_key if old and not slow)
    return compared, returned_early, sum(many for old, *_, many in by_key if not old)


def _from_last_old(rows: Frame, latest: int) -> Frame:
    """Return each buyer's last purchase that is old enough, and the time to the next.

    A buyer without one gets their first purchase instead. A buyer without a next purchase gets an infinite time.
    """
    never = nw.lit(-FOREVER, nw.Int64())
    old = rows.with_columns(_old=nw.when(nw.col("t") <= latest).then(nw.col("t")).otherwise(never))
    lasts = old.with_columns(_last=nw.col("_old").max().over(PERSON))
    none = nw.col("_last") == -FOREVER
    starts = lasts.with_columns(_last=nw.when(none).then(nw.col("first")).otherwise(nw.col("_last")))
    after = nw.col("t") > nw.col("_last")
    waits = starts.with_columns(
        _wait=nw.when(after).then(nw.col("t") - nw.col("_last")).otherwise(nw.lit(FOREVER - NEVER, nw.Int64()))
    )
    return waits.group_by(PERSON).agg(nw.col("_last").min(), nw.col("_wait").min())


def _problems(logs: Logs, policy: Policy, people: Frame, problem_within: int) -> Frame:
    """Return each person's problems soon after that purchase, if any."""
    met = nw.concat(list(_problem_rows(logs, policy))).join(people.select(PERSON, "_last"), on=PERSON, how="inner")
    within = met.filter((nw.col("_at") >= nw.col("_last")) & (nw.col("_at") - nw.col("_last") <= problem_within))
    flags = {name: to_int(nw.col("_problem") == name) for name in PROBLEMS}
    return within.select(PERSON, **flags).group_by(PERSON).agg(*(nw.col(name).max() for name in PROBLEMS))


def _problem_rows(logs: Logs, policy: Policy) -> Iterator[Frame]:
    """Yield `person_id`, the problem, and the first instant of the problem.

    A promise or a question becomes a problem at the first microsecond beyond the shop's limit, if it is still open
    then.
    """
    due = nw.col("due") + policy.delivery_grace // MICROSECOND
    answer_due = nw.col("t") + policy.answer_within // MICROSECOND
    promises = logs._tables["promises"]
    yield _problem_row(promises.filter(nw.col("end") > due), "late_delivery", due + 1)
    if "interactions" in logs._tables:
        complaints = logs._tables["interactions"].filter(nw.col("kind") == "complaint")
        yield _problem_row(complaints, "complaint", nw.col("t"))
        questions = logs._tables["open_questions"]
        yield _problem_row(questions.filter(nw.col("end") > answer_due), "unanswered_question", answer_due + 1)


def _problem_row(rows: Frame, name: str, at: nw.Expr) -> Frame:
    return rows.select(PERSON, _problem=nw.lit(name, nw.String()), _at=at)
