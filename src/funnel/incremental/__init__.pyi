# Written by `make stubs`.
from funnel.incremental._live_facts import FactsState as FactsState
from funnel.incremental._live_facts import LiveFacts as LiveFacts
