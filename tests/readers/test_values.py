from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funnel._fields import LARGEST_AMOUNT, NOT_MANGLED, check_id
from funnel.errors import MoneyError
from funnel.logs import Logs
from funnel.money import Money, decimals
from funnel.readers._values import FINER, amount_of, line_amount, read_amounts, read_ids, read_pieces, text_of
from tests.readers.shop import mapping

STYLES = ["plain", "us", "id"]
CURRENCIES = ["IDR", "USD", "JPY", "KWD", "CLF"]


def amounts(values: list[Any], *, dtype: Any = pl.String, **changes: Any) -> pl.DataFrame:
    """Read a column of amounts."""
    return read_amounts(
        pl.DataFrame({"amount": pl.Series(values, dtype=dtype)}), "amount", "amount", mapping(**changes)
    )


def exact(read: pl.DataFrame) -> list[Decimal | None]:
    """Put a read amount together again, in minor units."""
    rows = read.select("amount", "amount.finer", "amount.below", "amount.why").iter_rows()
    signed = ((-1 if below else 1) * (Decimal(minor or 0) + Decimal(finer) / FINER) for minor, finer, below, _ in rows)
    return [None if why else value for value, why in zip(signed, read["amount.why"], strict=True)]


def parsed(text: str, currency: str, style: Any) -> Decimal | None:
    """Read an amount as money does."""
    try:
        return Decimal(Money.parse(text, currency, style=style).minor)
    except MoneyError:
        return None


amount_texts = st.one_of(
    st.text("-0123456789., RpIDUS", max_size=9),
    st.builds(
        lambda sign, symbol, sign2, whole, point, part: sign + symbol + sign2 + whole + point + part,
        st.sampled_from(["", "-"]),
        st.sampled_from(["", "Rp", "Rp ", "IDR ", "USD", " "]),
        st.sampled_from(["", "", "-"]),
        st.sampled_from(["0", "12", "150000", "150.000", "1.250.000", "1,250", "12,50", "1,250,000", "0007"]),
        st.sampled_from(["", ".", ","]),
        st.sampled_from(["", "0", "50", "000", "1234"]),
    ),
)


@given(
    texts=st.lists(amount_texts, min_size=1, max_size=20),
    currency=st.sampled_from(CURRENCIES),
    style=st.sampled_from(STYLES),
)
def test_text_is_read_just_when_money_reads_it_and_as_the_same_sum(texts: list[str], currency: str, style: str) -> None:
    """A file's amounts mean what the same words mean anywhere else in the library."""
    read = exact(amounts(texts, currency=currency, amount_style=style))

    assert read == [parsed(text, currency, style) for text in texts]


@pytest.mark.parametrize(
    ("text", "style", "currency", "minor"),
    [
        ("150.000", "id", "IDR", 150_000_00),
        ("Rp1.250.000,50", "id", "IDR", 1_250_000_50),
        ("150.000", "plain", "IDR", None),
        ("150,000", "us", "IDR", 150_000_00),
        ("150.000", "number", "IDR", 150_00),
        ("1.234,56", "us", "USD", None),
        ("1234.56", "plain", "USD", 1234_56),
        ("500", "plain", "JPY", 500),
        ("500.0", "plain", "JPY", None),
        ("1.500", "plain", "KWD", 1500),
        ("123456", "minor", "USD", 123456),
        ("1234.56", "minor", "USD", None),
        ("1,5e3", "number", "USD", None),
        ("1.5e3", "number", "USD", 1500_00),
        ("1.5e-3", "number", "CLF", 15),
        ("-12", "number", "USD", -12_00),
        ("1e3", "plain", "USD", None),
        ("1.5e3", "us", "USD", None),
        ("1.23E+07", "id", "IDR", None),
        ("1e3", "minor", "USD", None),
        ("'-70", "plain", "USD", -70_00),
        ("'-70'", "us", "USD", -70_00),
        ("'+1", "plain", "USD", None),
        ("'70", "plain", "USD", None),
        ("9" * 5000, "number", "USD", None),
        ("9" * 5000 + "e999", "number", "USD", None),
    ],
)
def test_each_style_reads_its_own_writing(text: str, style: str, currency: str, minor: int | None) -> None:
    """An amount in the style of another country is refused, never guessed."""
    assert exact(amounts([text], currency=currency, amount_style=style)) == [minor]


@given(
    values=st.lists(st.floats(0, 1e9, allow_subnormal=False), min_size=1, max_size=20),
    currency=st.sampled_from(CURRENCIES),
)
def test_a_float_is_the_decimal_that_it_shows(values: list[float], currency: str) -> None:
    """12.3 in a column of numbers is twelve thirty, whatever its last bit; parts too fine to matter are cut off."""
    read = exact(amounts(values, dtype=pl.Float64, currency=currency, amount_style="number"))
    tolerance = Decimal(1) / FINER

    with localcontext(prec=60):
        exact_values = [Decimal(repr(value)).scaleb(decimals(currency)) for value in values]
        assert all(
            got is not None and 0 <= want - got < tolerance for got, want in zip(read, exact_values, strict=True)
        )


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([12, 5], pl.Int32), ([12.0, 5.0], pl.Float32), ([Decimal("12.00"), Decimal(5)], pl.Decimal(9, 2))],
)
def test_columns_of_numbers_are_read_as_what_they_show(values: list[Any], dtype: Any) -> None:
    """Whole numbers, floats and decimals of a Parquet file are amounts in the main unit."""
    assert exact(amounts(values, dtype=dtype, currency="USD", amount_style="number")) == [1200, 500]


@pytest.mark.parametrize(
    ("value", "dtype", "why"),
    [
        (None, pl.String, "no amount"),
        (" ", pl.String, "no amount"),
        (float("nan"), pl.Float64, "no amount"),
        (float("inf"), pl.Float64, "amount not written in the declared style"),
        ("--5", pl.String, "amount not written in the declared style"),
        ("12 apples", pl.String, "amount not written in the declared style"),
        ("1000000000001", pl.String, "amount of more than 100000000000000 minor units"),
        ("99999999999999999999", pl.String, "amount of more than 100000000000000 minor units"),
        ("1e99", pl.String, "amount of more than 100000000000000 minor units"),
    ],
)
def test_what_is_no_amount_is_refused_with_its_reason(value: object, dtype: Any, why: str) -> None:
    """Nothing, noise and sums that no shop takes are three different reasons."""
    assert amounts([value], dtype=dtype, currency="USD", amount_style="number")["amount.why"].to_list() == [why]


@given(
    pieces=st.integers(0, 10**6),
    minor=st.integers(0, 10**7),
    finer=st.one_of(st.integers(0, FINER - 1), st.sampled_from([FINER // 2, FINER // 4, 1])),
)
def test_a_row_is_multiplied_exactly_and_rounded_half_to_even(pieces: int, minor: int, finer: int) -> None:
    """One row and a column of rows round alike, and as Decimal does."""
    column = pl.select(line_amount(*(pl.lit(n, pl.Int64) for n in (pieces, minor, finer)))).item()
    with localcontext(prec=60):
        product = (pieces * (minor + Decimal(finer) / FINER)).quantize(Decimal(1), ROUND_HALF_EVEN)

    assert column == amount_of(pieces, minor, finer) == product


def test_the_largest_row_still_fits() -> None:
    """Within the limits of pieces and of amounts no number of 64 bits overflows."""
    assert line_amount_of(1, LARGEST_AMOUNT, 0) == LARGEST_AMOUNT
    assert line_amount_of(10**9, 10**5, 999_999_999) == 10**14 + 999_999_999


def line_amount_of(pieces: int, minor: int, finer: int) -> int:
    """Multiply one row in the engine."""
    total = pl.select(line_amount(*(pl.lit(n, pl.Int64) for n in (pieces, minor, finer)))).item()
    assert isinstance(total, int)
    return total


@pytest.mark.parametrize(
    ("value", "dtype", "pieces", "why"),
    [
        ("12", pl.String, 12, None),
        (" +12.0 ", pl.String, 12, None),
        (-3, pl.Int16, -3, None),
        (4.0, pl.Float64, 4, None),
        (10**9, pl.Int64, 10**9, None),
        (10**9 + 1, pl.Int64, 10**9 + 1, "quantity not a whole number up to 1000000000"),
        ("1.5", pl.String, None, "quantity not a whole number up to 1000000000"),
        (1.5, pl.Float64, None, "quantity not a whole number up to 1000000000"),
        ("two", pl.String, None, "quantity not a whole number up to 1000000000"),
        (0, pl.Int64, 0, "quantity of zero"),
        (None, pl.Int64, None, "no quantity"),
        (" ", pl.String, None, "no quantity"),
    ],
)
def test_pieces_are_whole_numbers(value: object, dtype: Any, pieces: int | None, why: str | None) -> None:
    """Half a piece is not read as none, nor as one."""
    read = read_pieces(pl.DataFrame({"quantity": pl.Series([value], dtype=dtype)}), mapping())

    assert read.row(0, named=True) | {"quantity": ""} == {"quantity": "", "pieces": pieces, "quantity.why": why}


MANGLED = f"customer id that {NOT_MANGLED}"
LOST = "customer id too large for a column of floats, which loses its last digits"
LONG = "customer id of more than 200 characters, or with control characters"


@pytest.mark.parametrize(
    ("value", "dtype", "expected", "why"),
    [
        ("p1", pl.String, "p1", None),
        ("'0812\t", pl.String, "0812", None),
        (" p 1 ", pl.String, "p 1", None),
        ("p1", pl.Categorical, "p1", None),
        (17850, pl.Int32, "17850", None),
        (17850.0, pl.Float64, "17850", None),
        (1.5, pl.Float64, "1.5", None),
        (float("nan"), pl.Float64, None, "no customer"),
        (None, pl.Null, None, "no customer"),
        ("", pl.String, None, "no customer"),
        (" '", pl.String, None, "no customer"),
        ("\u2003", pl.String, None, "no customer"),
        ("guest", pl.String, None, "no customer"),
        ("p\n1", pl.String, "p\n1", LONG),
        ("p" * 200, pl.String, "p" * 200, None),
        ("p" * 201, pl.String, "p" * 201, LONG),
        ("2.88E+18", pl.String, "2.88E+18", MANGLED),
        ("6,28e+12", pl.String, "6,28e+12", MANGLED),
        ("None", pl.String, "None", MANGLED),
        (" nan ", pl.String, "nan", MANGLED),
        ("NULL", pl.Categorical, "NULL", MANGLED),
        ("1001.0", pl.String, "1001.0", MANGLED),
        ("Nonet", pl.String, "Nonet", None),
        ("\u200b", pl.String, None, "no customer"),
        ("\ufeff \u2060", pl.String, None, "no customer"),
        (1e15, pl.Float64, "1000000000000000", None),
        ("2E10", pl.String, "2E10", None),
        ("x1.2E+05", pl.String, "x1.2E+05", None),
        (2.0**53 - 1, pl.Float64, "9007199254740991", None),
        (2.0**53, pl.Float64, "9007199254740992", LOST),
        (-(2.0**60), pl.Float64, "-1.152921504606847e+18", LOST),
        (2.0**24 - 1, pl.Float32, "16777215", None),
        (2.0**24, pl.Float32, "16777216", LOST),
        (float("inf"), pl.Float64, "inf", LOST),
    ],
)
def test_ids_are_clean_text(value: object, dtype: Any, expected: str | None, why: str | None) -> None:
    """A spreadsheet's apostrophes, tabs and .0 make no new customer, and a guest is nobody."""
    how = mapping(strip=" '\t\r\n", nobody=("guest",))
    read = read_ids(pl.DataFrame({"person_id": pl.Series([value], dtype=dtype)}), "person_id", "customer", how)

    assert read.row(0) == (expected, why)


ODD = [
    "None",
    "nan",
    "NULL",
    "<NA>",
    "1001.0",
    "2.88E+18",
    "6,28e+12",
    "\u200b",
    "\ufeff",
    "\u3000",
    "\x85",
    "\t",
    " ",
    "a",
]


@given(st.lists(st.one_of(st.sampled_from(ODD), st.text(max_size=4), st.lists(st.sampled_from(ODD)).map("".join))))
def test_an_id_that_is_read_is_an_id_of_a_record(texts: list[str]) -> None:
    """The reader, the records and the tables accept the same ids."""
    rows = pl.DataFrame({"person_id": pl.Series(texts, dtype=pl.String)})
    read = read_ids(rows, "person_id", "customer", mapping(strip=""))
    valid = read.filter(pl.col("person_id.why").is_null()).select("person_id")

    assert [check_id(text) for text in valid["person_id"]] == valid["person_id"].to_list()
    Logs(leads=valid.unique().with_columns(arrived_at=datetime(2026, 3, 1, tzinfo=UTC)))


def test_nothing_is_stripped_where_nothing_is_declared() -> None:
    """Characters that are not stripped are part of the id; one that begins with a blank is refused with the remedy."""
    rows = pl.DataFrame({"id": ["'1", "guest", "x" * 188, "x" * 189, " 1", "1\u00a0"]})
    read = read_ids(rows, "id", "order", mapping(strip="", nobody=("guest",)))

    assert read["id"].to_list() == rows["id"].to_list()
    assert read["id.why"].is_null().to_list() == [True, True, True, False, False, False]
    assert (
        read["id.why"].to_list()[4:]
        == ["order id that begins or ends with a blank; add that character to the mapping's strip"] * 2
    )


def test_floats_are_written_as_they_show() -> None:
    """A column of floats loses its .0 and nothing else."""
    rows = pl.DataFrame({"n": [1.0, 10.0, 0.1, 1e-7, None, float("nan")]})

    assert rows.select(text_of(rows, "n")).to_series().to_list() == ["1", "10", "0.1", "1e-7", None, None]
