"""Who left, what they said of it, and what went wrong before: counted by the engine that holds the records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import narwhals as nw

from funnel._facts.frames import fact_column, held_over
from funnel._facts.plan import narrowed
from funnel._instants import FOREVER, MICROSECOND, NEVER
from funnel._lift.columns import flag, tree_column
from funnel._reduce.aggregates import value_name
from funnel.facts import Facts
from funnel.metrics._purchases import PERSON, told, whole
from funnel.metrics.repeat.numbered import numbered
from funnel.rules.activity import has_bought_again, is_lapsed

if TYPE_CHECKING:
    from funnel._frames import Frame
    from funnel.logs import Logs
    from funnel.policy import Policy

TROUBLES = ("complaint", "late_delivery", "unanswered_question")
_READ = (
    "purchase_count",
    "since_last_purchase",
    "since_last_refusal",
    "refusal_reason",
    "since_last_postponement",
    "postponement_reason",
)
Said = tuple[bool, bool, str, str]


def whys(logs: Logs, policy: Policy, now: int) -> Mapping[Said, int]:
    """How many buyers by: whether they bought again, whether they have lapsed, "no" or "not_yet", and the reason.

    What was said last after the last purchase is what counts; both texts are "" where nothing was said since.
    """
    plan = narrowed(Facts.fact_plan, frozenset(_READ))
    column = fact_column(plan, nw.lit(now, nw.Int64()))
    held = {name: nw.col(value_name(plan.places[name])) for name in _READ}
    rules = {"_again": has_bought_again, "_left": is_lapsed}
    asked = {name: flag(tree_column(rule.lifted(policy).tree, column)) for name, rule in rules.items()}
    people = held_over(plan, logs, now).select(PERSON, **held, **asked).filter(nw.col("purchase_count") > 0)
    bought, refused, later = (nw.col(f"since_last_{what}") for what in ("purchase", "refusal", "postponement"))
    said_no = (refused > bought) & (refused >= later)
    not_yet = later > bought
    texts = people.with_columns(
        _said=_first(said_no, nw.lit("no"), not_yet, nw.lit("not_yet")),
        _why=_first(said_no, nw.col("refusal_reason"), not_yet, nw.col("postponement_reason")),
    )
    keys = ("_again", "_left", "_said", "_why")
    counts = told(texts.group_by(*keys).agg(nw.len().alias("_people")), *keys, "_people")
    return {(bool(again), bool(left), str(said), str(why)): whole(many) for again, left, said, why, many in counts}


def _first(one: nw.Expr, then: nw.Expr, other: nw.Expr, instead: nw.Expr) -> nw.Expr:
    rest = nw.when(other).then(instead).otherwise(nw.lit("", nw.String()))
    return nw.when(one).then(then).otherwise(rest)


# ---- what went wrong before ----------------------------------------------------------------------------------------


def returns(logs: Logs, policy: Policy, now: int) -> tuple[Mapping[tuple[bool, ...], int], int, int]:
    """How many buyers by what went wrong soon after a purchase, and whether they then bought again.

    Everyone is looked at once, from their last purchase that has had `lapse_after`: what went wrong within
    `after_sale_for` of it, and whether they bought again after that and within `lapse_after`.

    Returns:
        The counts by the troubles in their order and whether they came back; how many bought again so soon that they
        are not asked; how many have no purchase that is old enough.
    """
    rows = numbered(logs, now)
    if rows is None:
        return {}, 0, 0
    soon, span = policy.after_sale_for // MICROSECOND, policy.lapse_after // MICROSECOND
    people = _from_last_old(rows, now - span)
    marked = people.join(_happened(logs, policy, people, soon), on=PERSON, how="left")
    marked = marked.with_columns(
        *(nw.col(name).fill_null(0).cast(nw.Int64()) for name in TROUBLES),
        _back=flag(nw.col("_wait") <= span),
        _old=flag(nw.col("_last") <= now - span),
        _slow=flag(nw.col("_wait") > soon),
    )
    keys = ("_old", "_slow", *TROUBLES, "_back")
    counts = told(marked.group_by(*keys).agg(nw.len().alias("_people")), *keys, "_people")
    known = [(*map(bool, key), whole(many)) for *key, many in counts]
    asked = {tuple(map(bool, rest)): whole(many) for old, slow, *rest, many in known if old and slow}
    quick = sum(many for old, slow, *_, many in known if old and not slow)
    return asked, quick, sum(many for old, *_, many in known if not old)


def _from_last_old(rows: Frame, latest: int) -> Frame:
    """Every buyer with their last purchase that is old enough, and how long after it they bought again.

    Who has none that is old enough has their first one in its place; who has not bought again waits for ever.
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


def _happened(logs: Logs, policy: Policy, people: Frame, soon: int) -> Frame:
    """Which troubles each of those people had soon after that purchase; only who had one."""
    met = nw.concat(list(_troubles(logs, policy))).join(people.select(PERSON, "_last"), on=PERSON, how="inner")
    within = met.filter((nw.col("_at") >= nw.col("_last")) & (nw.col("_at") - nw.col("_last") <= soon))
    flags = {name: flag(nw.col("_trouble") == name) for name in TROUBLES}
    return within.select(PERSON, **flags).group_by(PERSON).agg(*(nw.col(name).max() for name in TROUBLES))


def _troubles(logs: Logs, policy: Policy) -> Iterator[Frame]:
    """`person_id`, which trouble, and the first instant at which it was there.

    A promise, or a question, is a trouble from the first microsecond beyond the shop's limit, if it is open until then.
    """
    due = nw.col("due") + policy.delivery_grace // MICROSECOND
    asked = nw.col("t") + policy.answer_within // MICROSECOND
    promises = logs.tables["promises"]
    yield _trouble(promises.filter(nw.col("end") > due), "late_delivery", due + 1)
    if "interactions" in logs.tables:
        complaints = logs.tables["interactions"].filter(nw.col("kind") == "complaint")
        yield _trouble(complaints, "complaint", nw.col("t"))
        questions = logs.tables["open_questions"]
        yield _trouble(questions.filter(nw.col("end") > asked), "unanswered_question", asked + 1)


def _trouble(rows: Frame, name: str, at: nw.Expr) -> Frame:
    return rows.select(PERSON, _trouble=nw.lit(name, nw.String()), _at=at)
