"""Type variables of dataframes. No dataframe library is imported at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from narwhals.typing import IntoFrame
    from typing_extensions import TypeVar

    FrameT = TypeVar("FrameT", bound=IntoFrame, default=Any)
    NativeT = TypeVar("NativeT", bound=IntoFrame, default=IntoFrame)
    PeopleT = TypeVar("PeopleT", default=Any)
else:
    from typing import TypeVar

    FrameT = TypeVar("FrameT")
    """Type of the dataframes of logs or of a result."""

    NativeT = TypeVar("NativeT")
    """Type of a dataframe that is an argument. Without such an argument, any dataframe."""

    PeopleT = TypeVar("PeopleT")
    """Type of a list of people: a dataframe, or a list if the input was a list."""
