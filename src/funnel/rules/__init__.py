"""Rules: plain functions of facts and policy, and what a rule can do."""

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_expr.combinators": "all_of any_of",
        "_expr.explain": "DecisionTable Explanation Reason RulePath",
        "rules._activity": (
            "has_bought has_bought_again has_engaged has_rhythm is_lapsed is_likely_lost is_nearly_due is_regular "
            "is_overdue is_quiet is_won_back"
        ),
        "rules._buying": "BuyingPhase buying_phase in_after_sale",
        "rules._next_action": (
            "NextAction can_contact has_declined has_reached_contact_limit has_replied is_due_for_follow_up "
            "next_action since_due value_at_stake"
        ),
        "rules._postponement": "has_come_due has_signalled_ready has_slipped is_postponed",
        "rules._readiness": (
            "Readiness ability_points expected_wait readiness readiness_points readiness_rank timing_points "
            "trust_points willingness_points"
        ),
        "rules._rfm": "Segment frequency_score is_big_spender monetary_score recency_score rfm segment",
        "rules._rule": "NextChange Rule rule",
        "rules._trust": (
            "Assurance answer_is_late assurance awaits_answer delivery_is_late has_open_complaint "
            "has_open_question needs_meeting needs_repair_first repair_is_late was_disappointed"
        ),
        "rules._window": "WindowBasis until_earliest until_latest until_likely window_basis",
    },
)
