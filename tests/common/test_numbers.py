"""Numbers as people type them: read as they were meant, or refused with a message."""

from __future__ import annotations

import math
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common import normalize
from apps.common.numbers import format_exact, read

SCRIPTS = {
    "".join(chr(zero + digit) for digit in range(10))
    for zero in range(sys.maxunicode - 9)
    if unicodedata.decimal(chr(zero), None) == 0
}
SPACES = [chr(code) for code in range(0x3001) if unicodedata.category(chr(code)) == "Zs"]
MINUSES = "-‐‑‒–—−﹣－➖"
# each is written instead of the ASCII sign in front
SEPARATORS = [
    *(" " + space for space in SPACES),
    *("'" + sign for sign in "'’‘ʼ′´＇٬"),
    *("," + sign for sign in ",，،﹐"),
    *("." + sign for sign in ".．٫。﹒"),
    "__",
    "_＿",
]
INVISIBLE = (
    "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f"
    "\u202a\u202b\u202c\u2060\u2066\u2069\ufe0f\ufeff"
)
FULL_WIDTH = str.maketrans("0123456789.,-+%/", "０１２３４５６７８９．，－＋％／")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.22", 0.22),
        ("０.２２", 0.22),
        ("  +3 ", 3),
        ("- 1.9", -1.9),
        ("−2", -2),
        (".5", 0.5),
        ("5.", 5),
        ("007", 7),
        ("2.2e5", 220_000),
        ("2.2E+5", 220_000),
        ("2.2×10^5", 220_000),
        ("2.2 * 10**5", 220_000),
        ("2.2x10⁵", 220_000),
        ("10^(-3)", 0.001),
        ("-2^2", -4),
        ("2^00000000001", 2),
        ("1/3", 1 / 3),
        ("-1 / 4", -0.25),
        ("½", 0.5),
        ("¼ %", 0.0025),
        ("⅔", 2 / 3),
        ("2½", 2.5),
        ("-२ ½", -2.5),
        ("32 896", 32_896),
        ("32\u202f896,5", 32_896.5),
        ("1'234'567.5", 1_234_567.5),
        ("1_000", 1000),
        ("٣٢٬٨٩٦", 32_896),
        ("٣٢٬٨٩٦٫٥", 32_896.5),
        ("٢٢٪", 0.22),
        ("%22", 0.22),
        ("22 ‰", 0.022),
        ("２２０，０００，０００", 220_000_000),
        ("१२,३४,५६७", 1_234_567),
        ("२.२×१०^५", 220_000),
        ("१.५e५", 150_000),
        ("2.2·10⁵", 220_000),
        ("١٠^−٣", 0.001),
        ("5⁻¹", 0.2),
        ("22 %", 0.22),
        ("22％", 0.22),
        ("1/3 %", 1 / 300),
        ("3.5 ms", 3.5),
        ("3.5ms", 3.5),
        ("3.5 毫秒", 3.5),
    ],
)
def test_it_reads(text: str, value: float) -> None:
    reading = read(text, ["ms", "毫秒"])
    assert reading.value == pytest.approx(value, rel=1e-12) and not reading.problem
    assert bool(reading.note) == is_grouped(text)


def is_grouped(text: str) -> bool:
    return any(sign in text for sign in ",，٬'_\u202f") or "32 " in text


@pytest.mark.parametrize(
    ("text", "value", "note"),
    [
        ("221,312", 221_312, "We read 221,312 as 221312: the comma is a thousands separator."),
        ("１，０００", 1000, "We read 1,000 as 1000: the comma is a thousands separator."),
        (
            "1,234,567.5",
            1_234_567.5,
            "We read 1,234,567.5 as 1234567.5: the comma is a thousands separator.",
        ),
        ("5,3", 5.3, "The comma in 5,3 looks like a decimal comma, so we read it as 5.3."),
        ("0,125", 0.125, "The comma in 0,125 looks like a decimal comma, so we read it as 0.125."),
        ("-1,5", -1.5, "The comma in -1,5 looks like a decimal comma, so we read it as -1.5."),
        (
            "1234,567",
            1234.567,
            "The comma in 1234,567 looks like a decimal comma, so we read it as 1234.567.",
        ),
        ("2,2e5", 220_000, "The comma in 2,2 looks like a decimal comma, so we read it as 2.2."),
        (",5", 0.5, "The comma in ,5 looks like a decimal comma, so we read it as 0.5."),
    ],
)
def test_it_says_how_it_read_a_comma(text: str, value: float, note: str) -> None:
    reading = read(text)
    assert reading.value == pytest.approx(value) and reading.note == note


@pytest.mark.parametrize(
    ("text", "value", "other"),
    [
        ("1.000", 1, 1000),
        ("-12.345", -12.345, -12_345),
        ("+ 1.234", 1.234, 1234),
        ("１．０００", 1, 1000),
        ("1.500 ms", 1.5, 1500),
        ("1.500 %", 0.015, 15),
        ("1,000", 1000, 1),
        ("221,312", 221_312, 221.312),
        ("1.000/4", 0.25, 250),
        ("1/1.000", 1, 0.001),
        ("1,000/2,000", 0.5, 0.5),
        ("1.000^2", 1, 1_000_000),
    ],
)
def test_one_separator_before_three_digits_has_two_readings(
    text: str, value: float, other: float
) -> None:
    reading = read(text, ["ms"])
    assert reading.value == pytest.approx(value) and reading.other == pytest.approx(other)
    assert reading.note and reading.doubt


def test_it_says_that_a_point_before_three_digits_is_a_decimal_point() -> None:
    assert read("-1.000").note == "We read the point in -1.000 as a decimal point."
    assert read("1.000/3").note == "We read the point in 1.000 as a decimal point."


@pytest.mark.parametrize(
    "text",
    ["1.00", "1.0000", "0.125", "0,125", ".125", "1234.567", "1.234e5", "1.234×10^5", "1.234e5/3"],
)
def test_other_points_have_one_reading(text: str) -> None:
    reading = read(text)
    assert reading.other is None and not reading.doubt
    assert not reading.note or "," in text


@given(st.integers(1, 999), st.integers(0, 999), st.sampled_from(".,"), st.sampled_from(["", "-"]))
def test_what_settles_the_doubt_has_one_reading(
    whole: int, rest: int, separator: str, sign: str
) -> None:
    doubt = read(f"{sign}{whole}{separator}{rest:03}").doubt
    settled = [f"{sign}{whole}{rest:03}", f"{sign}{whole}.{rest:03}0"]
    assert all(text in doubt and read(text).other is None for text in settled)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "   ",
            "x",
            "nan",
            "NaN",
            "inf",
            "-inf",
            "Infinity",
            "1e400",
            "-1e400",
            "10^5000",
            "1e5000000000",
            "9" * 5000,
        ),
        *(
            "1e-400",
            "10^-5000",
            "1,23,4",
            "1,2345,678",
            "0,123,456",
            "1234,567,890",
            "1.234,5",
            "5,",
            ",",
            "1,,5",
            "1,5,",
        ),
        *(
            "1 2",
            "1_0",
            "1'0",
            "5٬3",
            "0 123",
            "1 234 56",
            "1 234'567",
            "1 234,567",
            "1 234/567",
            "1,23,45",
            "0x10",
            "1/0",
            "0^-1",
            "1/2/3",
            "--1",
            "1e",
            "e5",
            "%",
            "5 %%",
            "3 km",
            "(-2)^2",
            "2+2",
            "1e5.5",
            "1,000½",
            "½2",
            "½ ½",
            "1/2½",
            "2⁤½",
            "①",
            "2①",
            "5₂",
            "三",
            "५k",
            "\x00",
            "\ud800",
        ),
    ],
)
def test_invalid_input_has_a_problem(text: str) -> None:
    reading = read(text, ["ms"])
    assert reading.value is None and reading.problem and not reading.note


def test_a_sign_that_is_not_read_is_named() -> None:
    assert "“е” (U+0435) only looks like the letter e." in read("1.5е5").problem
    assert "invisible character (U+202E)" in read("\u202e12").problem
    assert "“①” (U+2460)" in read("2①").problem


def test_a_percent_sign_is_the_unit_where_the_answer_is_in_per_cent() -> None:
    assert read("22 %", ["%"]).value == read("22", ["%"]).value == read("٢٢٪", ["%"]).value == 22
    assert read("220 ‰", ["%"]).value == pytest.approx(22)


WRITTEN = st.from_regex(
    r"[+-]?[0-9]{1,3}([ ,.'_][0-9]{3}){0,2}([.,][0-9]{0,4})?"
    r"(e-?[0-9]{1,2}|\*10\^-?[0-9]|/[0-9]{2}| %)?",
    fullmatch=True,
)


def test_there_are_many_scripts_and_spaces() -> None:
    assert len(SCRIPTS) > 60 and len(SPACES) == 17


@pytest.mark.parametrize("digits", sorted(SCRIPTS), ids=lambda digits: unicodedata.name(digits[0]))
@pytest.mark.parametrize("text", ["32,896", "5,3", "0,123", "1 234 567.25", "1,23,4", "-2.5e-3"])
def test_every_script_is_read_as_ascii_is(text: str, digits: str) -> None:
    table = dict(zip(map(ord, "0123456789"), digits, strict=True))
    assert read(text.translate(table)) == read(text)


@given(WRITTEN, st.sampled_from(sorted(SCRIPTS)), st.lists(st.sampled_from(SEPARATORS)), st.data())
def test_every_sign_in_every_script_is_read_as_ascii_is(
    text: str, digits: str, separators: list[str], data: st.DataObject
) -> None:
    table = dict(zip("0123456789", digits, strict=True))
    table |= {pair[0]: pair[1] for pair in separators}
    table["-"] = data.draw(st.sampled_from(MINUSES))
    assert read("".join(table.get(sign, sign) for sign in text)) == read(text)


@given(WRITTEN, st.sampled_from(INVISIBLE), st.data())
def test_invisible_characters_change_nothing(text: str, sign: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text)))
    assert read(text[:place] + sign + text[place:]) == read(text)


@given(st.text(max_size=20) | WRITTEN)
def test_plain_text_is_plain_already(text: str) -> None:
    once = normalize.to_plain(text, 500)
    assert normalize.to_plain(once, 500) == once


@given(st.integers(1000, 10**12), st.sampled_from([*SPACES, *"'’_,，٬"]))
def test_thousands_are_grouped_by_any_sign(number: int, sign: str) -> None:
    assert read(f"{number:,}".replace(",", sign)).value == number


@given(
    st.floats(min_value=1e-290, max_value=1e290) | st.floats(min_value=-1e290, max_value=-1e-290)
)
def test_every_number_that_we_write_is_read_again(value: float) -> None:
    assert read(repr(value)).value == value
    assert read(repr(value).translate(FULL_WIDTH)).value == value
    assert read(format_exact(value)).value == pytest.approx(value, rel=1e-14)


@given(st.integers(-(10**15), 10**15))
def test_thousands_are_read_however_they_are_grouped(number: int) -> None:
    assert read(f"{number:,}").value == read(str(number)).value == number


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_fractions_and_percentages(above: int, below: int) -> None:
    assert read(f"{above}/{below}").value == above / below
    assert read(f"{above} %").value == pytest.approx(above / 100)


@given(st.integers(0, 10**6), st.text(alphabet="0123456789", min_size=1, max_size=6))
def test_a_single_comma_groups_or_divides_by_the_rule(whole: int, rest: str) -> None:
    value = read(f"{whole},{rest}").value
    groups = len(rest) == 3 and 1 <= len(str(whole)) <= 3 and whole > 0
    assert value == float(f"{whole}{rest}" if groups else f"{whole}.{rest}")


@given(st.text(max_size=150))
def test_any_text_is_a_finite_number_or_a_sentence(text: str) -> None:
    reading = read(text, ["ms"])
    assert (reading.value is None) == bool(reading.problem)
    assert reading.value is None or math.isfinite(reading.value)
