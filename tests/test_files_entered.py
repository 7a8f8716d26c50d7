"""A warm call enters few files, so that its code can be read from beginning to end."""

from __future__ import annotations

import pytest

from tests.files_entered import CALLS, files_entered


@pytest.mark.parametrize("name", CALLS)
def test_a_warm_call_enters_few_files(name: str) -> None:
    """`stage.over` with a compiled rule enters at most 10 files, `conversion` on Polars at most 15."""
    call, most = CALLS[name]

    assert len(files_entered(call)) <= most
