"""Numbers, counts and tokens as people read them."""

import pytest

from stability.text import (
    counted,
    digits,
    in_bytes,
    in_nats,
    isolated,
    printable,
    spelled,
    spelled_all,
    unspelled,
    whole,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.5, "0.500"), (123.4, "123"), (100.0, "100"), (1e-9, "1.00e-09"), (-2.0, "-2.00")],
)
def test_a_number_has_three_significant_digits(value, shown):
    assert digits(value) == shown


@pytest.mark.parametrize(
    ("amount", "said"), [("1", "1 nat"), ("0.1", "0.1 nats"), ("1.00", "1.00 nats")]
)
def test_one_nat_is_one(amount, said):
    assert in_nats(amount) == said


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "1 MB"),
        (92_871_040, "93 MB"),
        (999_000_000, "999 MB"),
        (1_234_000_000, "1.2 GB"),
        (21_400_000_000, "21 GB"),
    ],
)
def test_a_size_is_in_megabytes_or_gigabytes(size, shown):
    assert in_bytes(size) == shown


def test_only_one_is_singular():
    assert [counted(n, "row") for n in (0, 1, 2, 1234)] == [
        "0 rows",
        "1 row",
        "2 rows",
        "1,234 rows",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" the", "␣the"),
        ("\n", "⏎"),
        ("\t\t", "⇥⇥"),
        ("\u200b", "\\u200b"),
        ("", "∅"),
        ("né 猫", "né␣猫"),
        (" " * 8, "␣" * 8),
        (" " * 128 + "x", "␣×128x"),
        ("\n" * 9, "⏎×9"),
        # a mark of white space is itself a token of some models
        ("␣", "\\u2423"),
        # a mark alone, and letters that are blank or only change others
        ("\u0301", "◌\u0301"),
        ("a\u0301", "a\u0301"),
        ("\ufe0f", "\\ufe0f"),
        ("\u3164", "\\u3164"),
        ("\u2800", "\\u2800"),
        # what would turn round or swallow the text beside it
        ("\u202ex", "\\u202ex"),
        ("\u2068x\u2069", "\\u2068x\\u2069"),
        ("\x1b[31m", "\\x1b[31m"),
        ("שלום", "\u2068שלום\u2069"),
        (" سلام", "\u2068␣سلام\u2069"),
        ("٣", "\u2068٣\u2069"),
    ],
)
def test_white_space_is_spelled_and_ink_is_left_as_it_is(text, shown):
    assert spelled(text) == shown


def test_what_is_too_long_is_cut_inside_its_isolation():
    assert spelled("abcdef", 4) == "abc…"
    assert spelled("abcd", 4) == "abcd"
    assert spelled("אבגדהו", 4) == "\u2068אבג…\u2069"


def test_a_sentence_is_made_printable_and_keeps_its_isolation():
    assert printable("a \u202e\x1b[0m\n") == "a \\u202e\\x1b[0m\\n"
    assert printable(isolated("שלום")) == "\u2068שלום\u2069"
    assert isolated("né 猫") == "né 猫"


@pytest.mark.parametrize("text", [" the", "\n", "\t\t", "né 猫", "a\n\tb c", ""])
def test_marks_of_white_space_are_read_as_the_white_space_that_they_stand_for(text):
    assert unspelled(spelled(text) if text else text) == text
    assert unspelled(text) == text


def test_markup_is_left_as_it_is():
    assert spelled("<b>&amp;") == "<b>&amp;"


def test_what_stands_for_white_space_is_told_apart():
    texts = ["", " ", "  ", "\n", "\t", "\r", "\x0b", "\xa0", "\u2028", "\u3000"]
    assert len({spelled(text) for text in texts}) == len(texts)
    assert all(spelled(text).isprintable() for text in texts)


def test_parts_of_characters_are_joined_where_they_make_whole_ones():
    assert whole("a⟨E7⟩⟨8C⟩⟨AB⟩b⟨20C3⟩⟨A9⟩") == "a猫b é"
    for parts in ("⟨E7⟩⟨8C⟩", "⟨E7⟩ ⟨8C⟩⟨AB⟩", "⟨id 301⟩", "⟨⟩", "⟨e7⟩"):
        assert whole(parts) == parts


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["My", " \n"], ["My", "␣⏎"]),
        (["⟨20F09F⟩", "⟨8D95⟩"], ["␣part of 🍕", "part of 🍕"]),
        (["a", "⟨E7⟩", "⟨8CAB⟩", "b"], ["a", "part of 猫", "part of 猫", "b"]),
        (["⟨E78CABE7⟩", "⟨8CAB⟩"], ["猫part of 猫", "part of 猫"]),
        (["⟨E7⟩", "⟨8C⟩"], ["⟨E7⟩", "⟨8C⟩"]),  # what follows is still to come
        ([], []),
    ],
)
def test_parts_of_a_character_say_of_which_they_are(texts, names):
    assert spelled_all(texts) == names


def test_names_of_tokens_in_a_row_are_as_long_as_is_asked_for():
    assert spelled_all(["x" * 50, "y"], 10) == ["x" * 9 + "…", "y"]
