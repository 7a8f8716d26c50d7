"""The stages of a table on any past day equal those of single persons, for any machine."""

from __future__ import annotations

from typing import Any

import pytest

from funnel import History, Logs
from funnel.machines import SHOP_MACHINE
from tests.frames import read, tables
from tests.machines.model import POLICY
from tests.machines.test_over import CROWD, PATH
from tests.shop import DAY, NOW


@pytest.mark.parametrize("machine", [SHOP_MACHINE, PATH])
@pytest.mark.parametrize("days", [-10, 0, 72, 400])
def test_everyone_stands_where_each_does(machine: Any, days: int) -> None:
    """By the facts as they were; who is not known yet is not there."""
    as_of = NOW + days * DAY
    rows = read(machine.over(Logs(**tables(CROWD)), POLICY, as_of=as_of))

    each = {one.person_id: machine.of(one, POLICY, as_of=as_of) for one in CROWD}

    assert {row["person_id"]: row["stage"] for row in rows} == {
        person: stage.value for person, stage in each.items() if stage
    }


def test_nobody_stands_nowhere() -> None:
    """A person without records has no stage."""
    assert SHOP_MACHINE.of(History(person_id="p1"), POLICY, as_of=NOW) is None
