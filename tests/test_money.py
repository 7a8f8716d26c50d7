"""Money is exact, of one currency, and never guessed."""

from __future__ import annotations

import copy
import operator
import pickle
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from funnel.errors import MoneyError
from funnel.money import LARGEST, Money, Style, decimals, minor_units
from tests.strategies import moneys

if TYPE_CHECKING:
    from collections.abc import Callable

STYLES: tuple[Style, ...] = get_args(Style)
WIDE = moneys(minimum=-(10**12), most=10**12)


class Price(BaseModel):
    """A model that holds money."""

    money: Money


@pytest.mark.parametrize(
    ("currency", "digits"), [("JPY", 0), ("USD", 2), ("IDR", 2), ("KWD", 3), ("CLF", 4), ("HRK", 2)]
)
def test_every_currency_has_the_decimals_of_iso_4217(currency: str, digits: int) -> None:
    """Yen have none, dollars two, dinars three; a currency withdrawn of late is still read."""
    assert decimals(currency) == digits


@pytest.mark.parametrize(
    ("currency", "message"),
    [
        ("usd", "did you mean 'USD'"),
        ("EURO", "did you mean 'EUR'"),
        ("Rp", "must be a code of ISO 4217"),
        (None, "got NoneType"),
        ("X" * 999, "a code"),
    ],
)
def test_an_unknown_currency_is_refused_with_the_nearest(currency: Any, message: str) -> None:
    """There is one spelling of each currency, and the message is short however long the text."""
    with pytest.raises(MoneyError, match=message) as caught:
        Money(1, currency)

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.50", "USD", 1250),
        ("12.5", "USD", 1250),
        (" -12 ", "USD", -1200),
        (150_000, "IDR", 15_000_000),
        (500, "JPY", 500),
        ("1.500", "KWD", 1500),
        (Decimal("12.5"), "USD", 1250),
        (Decimal("-12.5000"), "USD", -1250),
        (Decimal("1E+3"), "JPY", 1000),
        (Decimal("0E-999"), "JPY", 0),
        (Decimal("0.01"), "USD", 1),
        (Decimal("123456789012345678.99"), "JPY", None),
        (Decimal("92233720368547758.07"), "USD", LARGEST),
    ],
)
def test_an_exact_amount_is_counted_in_minor_units(amount: Any, currency: str, minor: int | None) -> None:
    """Text, whole numbers and decimals become whole minor units, or are refused; nothing is rounded."""
    if minor is None:
        with pytest.raises(MoneyError, match="must have at most"):
            minor_units(amount, currency)
        return

    assert minor_units(amount, currency) == minor
    assert Money(amount, currency) == Money.of_minor(minor, currency)


@pytest.mark.parametrize(
    ("amount", "message"),
    [
        (12.5, "got float"),
        (float("nan"), "got float"),
        (True, "got bool"),
        (None, "got NoneType"),
        (Decimal("NaN"), "finite"),
        (Decimal("sNaN"), "finite"),
        (Decimal("Infinity"), "finite"),
        (Decimal("-Infinity"), "finite"),
        (Decimal("0.001"), "must have at most"),
        (Decimal("1E-999999999"), "must have at most"),
        (Decimal("1E+999999999"), "must be at most"),
        (10**30, "must be at most"),
        ("12.505", "at most 2 decimals"),
        ("1,250.00", r"like 1,250.00 \(style='us'\)"),
        ("1250,00", r"like 1.250,00 \(style='id'\)"),
        ("1.250", r"like 1.250,00 \(style='id'\)"),
        ("", "not written"),
        ("1e3", "not written"),
        ("٣", "not written"),
        ("9" * 5000, "not written"),
    ],
)
def test_an_amount_that_is_not_exact_is_refused(amount: Any, message: str) -> None:
    """A float, too many decimals, another style or no number at all is an error that says what to do."""
    with pytest.raises(MoneyError, match=message) as caught:
        Money(amount, "USD")

    assert len(str(caught.value)) < 200


def test_grouped_rupiah_are_never_guessed_to_be_few() -> None:
    """The text 150.000 is a hundred and fifty thousand rupiah, or an error; never a hundred and fifty."""
    with pytest.raises(MoneyError, match=r"like 1.250,00 \(style='id'\)"):
        Money("150.000", "IDR")

    assert Money.parse("150.000", "IDR", style="id") == Money(150_000, "IDR")


@pytest.mark.parametrize(
    ("text", "style", "amount"),
    [
        ("1234.56", "plain", "1234.56"),
        ("1,234.56", "us", "1234.56"),
        ("1.234,56", "id", "1234.56"),
        ("1234,56", "id", "1234.56"),
        ("1,234,567", "us", "1234567"),
        ("USD 12", "plain", "12"),
        ("-USD 12", "plain", "-12"),
        ("USD -12", "plain", "-12"),
    ],
)
def test_a_declared_style_is_read_exactly(text: str, style: Style, amount: str) -> None:
    """Groups and decimals are read by the declared style, with or without the currency's code."""
    assert Money.parse(text, "USD", style=style) == Money(amount, "USD")


@pytest.mark.parametrize(
    ("text", "style", "message"),
    [
        ("1,23", "us", r"like 1.250,00 \(style='id'\)"),
        ("12,34,567", "us", "not written"),
        ("1.234", "plain", r"like 1.250,00 \(style='id'\)"),
        ("1.23", "id", r"like 1250.00 \(style='plain'\) or 1,250.00 \(style='us'\)"),
        ("--1", "plain", "not written"),
        ("-USD -1", "plain", "not written"),
        ("EUR 1", "plain", "not written"),
        (1, "plain", "got int"),
        ("1", "de", "one of 'plain', 'us', 'id'"),
    ],
)
def test_another_style_is_refused_with_the_one_that_fits(text: Any, style: Any, message: str) -> None:
    """Groups are of exactly three; what is written otherwise is an error that names the style that would fit."""
    with pytest.raises(MoneyError, match=message):
        Money.parse(text, "USD", style=style)


@pytest.mark.parametrize(
    ("money", "plain", "us", "id_"),
    [
        (Money(150_000, "IDR"), "IDR 150000", "Rp150,000", "Rp150.000"),
        (Money("150000.50", "IDR"), "IDR 150000.50", "Rp150,000.50", "Rp150.000,50"),
        (Money(-1500, "IDR"), "IDR -1500", "-Rp1,500", "-Rp1.500"),
        (Money("12.5", "USD"), "USD 12.50", "USD 12.50", "USD 12,50"),
        (Money(500, "JPY"), "JPY 500", "JPY 500", "JPY 500"),
        (Money("1.5", "KWD"), "KWD 1.500", "KWD 1.500", "KWD 1,500"),
        (Money("-0.05", "USD"), "USD -0.05", "USD -0.05", "USD -0,05"),
    ],
)
def test_money_is_written_as_a_shop_writes_it(money: Money, plain: str, us: str, id_: str) -> None:
    """Rupiah have no decimals when there are none; other currencies always have theirs."""
    assert str(money) == plain
    assert money.format(style="us") == us
    assert money.format(style="id") == id_


def test_an_unknown_style_of_writing_is_refused() -> None:
    """The message names the styles there are."""
    style: Any = "de"

    with pytest.raises(MoneyError, match="one of 'plain', 'us', 'id'"):
        Money(1, "USD").format(style=style)


@given(WIDE, st.sampled_from(STYLES))
def test_what_is_written_reads_back(money: Money, style: Style) -> None:
    """Money written in a style and read in the same style is the same money; so it is through repr, pickle and copy."""
    assert Money.parse(money.format(style=style), money.currency, style=style) == money
    assert Money.parse(str(money), money.currency, style="plain") == money
    assert eval(repr(money), {"Money": Money}) == money  # noqa: S307 - our own repr
    assert pickle.loads(pickle.dumps(money)) == copy.deepcopy(money) == money  # noqa: S301 - our own bytes


@given(WIDE)
def test_amounts_and_minor_units_say_the_same(money: Money) -> None:
    """The exact decimal amount makes the same money again, with exactly the currency's decimals."""
    assert Money(money.amount, money.currency) == money
    assert money.amount.as_tuple().exponent == -decimals(money.currency)
    assert Money.of_minor(money.minor, money.currency) == money


@given(moneys("USD", minimum=-9), moneys("USD", minimum=-9), st.integers(-3, 3))
def test_money_of_one_currency_is_a_number(a: Money, b: Money, n: int) -> None:
    """Adding, taking away, multiplying and comparing money is doing so with its minor units."""
    assert (a + b).minor == a.minor + b.minor
    assert (a - b).minor == a.minor - b.minor
    assert (a * n).minor == (n * a).minor == a.minor * n
    assert (-a).minor == -a.minor
    assert abs(a).minor == abs(a.minor)
    assert bool(a) == bool(a.minor)
    assert (a < b, a <= b, a > b, a >= b, a == b) == (
        a.minor < b.minor,
        a.minor <= b.minor,
        a.minor > b.minor,
        a.minor >= b.minor,
        a.minor == b.minor,
    )
    assert (hash(a) == hash(b)) or a != b
    assert sum([a, b]) == a + b


@pytest.mark.parametrize(
    "act",
    [operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge],
    ids=lambda act: act.__name__,
)
def test_two_currencies_never_meet(act: Callable[[object, object], object]) -> None:
    """Sums and comparisons of two currencies are errors that name both; they are simply not equal."""
    with pytest.raises(MoneyError, match="USD and IDR cannot be added"):
        act(Money(1, "USD"), Money(1, "IDR"))

    assert Money(1, "USD") != Money(1, "IDR")


@pytest.mark.parametrize("other", [1, 1.5, Decimal(1), "one", None])
@pytest.mark.parametrize("act", [operator.add, operator.sub, operator.lt, operator.ge])
def test_money_and_a_bare_number_do_not_mix(act: Callable[[object, object], object], other: object) -> None:
    """A number has no currency, so it is neither added to money nor compared with it, on either side."""
    with pytest.raises(TypeError):
        act(Money(1, "USD"), other)
    with pytest.raises(TypeError):
        act(other, Money(1, "USD"))

    assert Money(1, "USD") != other


@pytest.mark.parametrize("times", [1.5, True, Decimal(2), Money(1, "USD")])
def test_money_is_multiplied_by_whole_numbers_only(times: object) -> None:
    """Half a price is a decision about rounding, which is the shop's to take."""
    with pytest.raises(TypeError):
        operator.mul(Money(1, "USD"), times)


@pytest.mark.parametrize("minor", [1.0, True, "1", None])
def test_minor_units_are_whole(minor: Any) -> None:
    """A float of minor units is refused as a float of dollars is."""
    with pytest.raises(MoneyError, match="must be exact"):
        Money.of_minor(minor, "USD")


def test_money_has_a_largest_amount() -> None:
    """An amount beyond 64 bits is refused, also as the result of a sum."""
    largest = Money.of_minor(LARGEST, "USD")

    with pytest.raises(MoneyError, match="64-bit"):
        operator.add(largest, Money.of_minor(1, "USD"))


def test_money_cannot_be_changed() -> None:
    """Another amount is another money."""
    money: Any = Money(1, "USD")

    with pytest.raises(AttributeError):
        money.minor = 2


@given(WIDE)
def test_models_keep_money_through_json(money: Money) -> None:
    """A pydantic model reads back the money that it wrote, and keeps it as money in Python."""
    price = Price(money=money)

    assert Price.model_validate_json(price.model_dump_json()) == price
    assert price.model_dump() == {"money": money}


@pytest.mark.parametrize("amount", ["12.50", Decimal("12.5")])
def test_models_read_an_amount_and_a_currency(amount: object) -> None:
    """A mapping with exactly these two becomes money."""
    price = Price.model_validate({"money": {"amount": amount, "currency": "USD"}})

    assert price.model_dump_json() == '{"money":{"amount":"12.50","currency":"USD"}}'


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('{"money": 12.5}', "got float"),
        ('{"money": {"amount": 12.5, "currency": "USD"}}', "got float"),
        ('{"money": {"amount": "12.5"}}', "or .*amount.*currency"),
        ('{"money": {"amount": "1", "currency": "USD", "of": 1}}', "or .*amount.*currency"),
        ('{"money": {"amount": "1", "currency": "USF"}}', "did you mean"),
    ],
)
def test_models_refuse_what_is_not_money(value: str, message: str) -> None:
    """A number without a currency, a float and an unknown key are refused with the reason."""
    with pytest.raises(ValidationError, match=message):
        Price.model_validate_json(value)


def test_the_json_schema_says_how_money_is_written() -> None:
    """A stranger's program can learn the form from the schema, read or written."""
    read = Price.model_json_schema()["properties"]["money"]
    serialized = Price.model_json_schema(mode="serialization")["properties"]["money"]

    assert read["required"] == serialized["required"] == ["amount", "currency"]
    assert serialized["properties"]["amount"]["type"] == "string"
