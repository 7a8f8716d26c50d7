"""Each documented shape of a shop's own frame is read as the docs say."""

from __future__ import annotations

import pytest

from tests.logs.frame_shapes import SHAPES, Shape


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_frame_is_read_as_documented(shape: Shape) -> None:
    """The call gives the result that the table shows."""
    assert shape.computed() == shape.result


def test_the_shapes_are_many_and_differ() -> None:
    """The table has at least 40 shapes, each once."""
    assert len({shape.name for shape in SHAPES}) == len(SHAPES) >= 40
