# Written by `make stubs`.
from funnel.incremental._live_facts import LiveFacts as LiveFacts
from funnel.incremental._state import FactsState as FactsState
