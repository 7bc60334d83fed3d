"""Text from outside is made harmless and short; personal data shows no more than it must."""

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import order_skills
from order_skills.text import (
    CUT_MARK,
    MAX_MARKS,
    NAME_CAP,
    NOTE_CAP,
    clean,
    mask_address,
    mask_email,
    mask_name,
    mask_phone,
)

stable = settings(max_examples=300, deadline=None, derandomize=True, database=None)

ACUTE, ZERO_WIDTH, RIGHT_TO_LEFT = "\u0301", "\u200b", "\u202e"

# --- what is taken out ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outside", "shown"),
    [
        ("Jane Doe", "Jane Doe"),
        ("  Jane \t Doe \n", "Jane   Doe"),
        ("Zoë Ångström 王小明 🙂", "Zoë Ångström 王小明 🙂"),
        # Colours, screen clearing, cursor movement, in both spellings of CSI.
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x1b[2J\x1b[1;1Hb", "ab"),
        ("a\x9b2Kb", "ab"),
        ("a\x1b[?25lb\x1b[38;2;1;2;3mc", "abc"),
        # A link and the clipboard by OSC, ended either way or not at all.
        ("\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\", "here"),
        ("a\x1b]52;c;cm0gLXJm\x07b", "ab"),
        ("a\x1b]0;title", "a"),
        ("a\x9d0;title\x9cb", "ab"),
        ("a\x1bPq#0\x1b\\b", "ab"),
        ("a\x1bcb\x1b(Bc", "abc"),
        ("a\x1b", "a"),
        ("a\x1b\x1b[31mb", "ab"),
        # What overwrites a line or forges one in a log.
        ("paid\rfree", "paidfree"),
        ('a\r\n{"level":"error"}', 'a {"level":"error"}'),
        ("a\x08\x08b\x00c\x7fd\x85e", "abcde"),
        ("a\u2028b\u2029c", "abc"),
        # Direction, invisible characters, tags, variation selectors, blanks that are letters.
        ("file\u202etxt.exe", "filetxt.exe"),
        ("a\u2066b\u2069c\u200ed\u061ce", "abcde"),
        ("re\u200bfu\u200dnd\u2060s\ufeff", "refunds"),
        ("a\U000e0069\U000e0067\U000e007fb", "ab"),
        ("a\ufe0fb\U000e0100c", "abc"),
        ("a\u3164b\u115fc\uffa0d\u00ade\u180ef", "abcdef"),
        ("a\u0600b\U0001d173c\U00013430d\u070fe", "abcde"),
        ("a\ud800b\udfffc", "abc"),
        ("a\ufdd0b\uffffc\U0001fffed\U0010fffee", "abcde"),
        # One form for one look, and no more: NFKC would turn these into other words.
        ("e\u0301", "é"),
        ("ﬁve ①", "ﬁve ①"),
        ("", ""),
        ("\x1b[0m\u200b \n", ""),
    ],
)
def test_a_name_keeps_its_words_and_loses_what_steers(outside, shown):
    assert clean(outside) == shown


def test_a_note_keeps_its_lines_and_a_name_does_not():
    assert clean("one\r\ntwo\nthree", NOTE_CAP) == "one\ntwo\nthree"
    assert clean("one\r\ntwo\nthree", NAME_CAP) == "one two three"


@pytest.mark.parametrize("cap", [16, NAME_CAP, NOTE_CAP])
def test_a_long_text_is_cut_visibly_and_an_exact_one_is_not(cap):
    assert clean("x" * cap, cap) == "x" * cap
    assert clean("x" * (cap + 1), cap) == "x" * (cap - len(CUT_MARK)) + CUT_MARK
    assert clean("x" + " " * (cap + 1) + "y", cap) == "x" + CUT_MARK


def test_what_was_too_long_to_look_at_is_said_to_be_cut():
    assert clean("a" + ZERO_WIDTH * 9 * NAME_CAP + "b") == "a" + CUT_MARK


def test_a_cap_without_room_for_the_mark_is_a_mistake_of_ours():
    with pytest.raises(AssertionError):
        clean("x" * 100, len(CUT_MARK))


def test_marks_piled_on_a_letter_are_kept_to_what_scripts_need():
    assert clean("q" + ACUTE * MAX_MARKS) == "q" + ACUTE * MAX_MARKS
    assert clean("q" + ACUTE * 100 + "x") == "q" + ACUTE * MAX_MARKS + "x"
    # This one is two in NFC.
    assert clean("q" + "\u0344" * 30) == "q" + "\u0308\u0301" * 15


# --- for any text -----------------------------------------------------------------------------

escapes = ["\x1b", "[", "]", "\\", "\x07", "\x9b", "\x9c", "\x9d", "\r", "\n", "\t", "m", "2J"]
odd = [ACUTE, ZERO_WIDTH, RIGHT_TO_LEFT, "\u0344", "\u0f73", "\u1100\u1161", "\ud83d", "\U000e0041"]
steering = st.sampled_from([*escapes, *odd, "…", " "])
# Characters, halves of them too, with what steers between them; often longer than the cap.
texts = st.lists(steering | st.characters(codec=None), max_size=60).map("".join)
long_texts = st.builds(lambda text, times: text * times, texts, st.integers(1, 8))
caps = st.sampled_from([8, 12, 64, NAME_CAP, NAME_CAP + 1, NOTE_CAP])


@stable
@given(long_texts, caps)
def test_any_text_comes_out_short_plain_and_in_one_form(text, cap):
    shown = clean(text, cap)
    assert len(shown) <= cap
    kept = shown.replace("\n", "") if cap > NAME_CAP else shown
    assert {unicodedata.category(char) for char in kept} & {"Cc", "Cf", "Cs", "Zl", "Zp"} == set()
    assert unicodedata.is_normalized("NFC", shown)
    assert shown == shown.strip()
    shown.encode()


@stable
@given(long_texts, caps)
def test_cleaning_what_is_clean_changes_nothing(text, cap):
    once = clean(text, cap)
    assert clean(once, cap) == once


@stable
@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=NAME_CAP))
def test_visible_text_is_kept(text):
    kept = unicodedata.normalize("NFC", text).strip()
    blank = "\u115f\u1160\u3164\uffa0\u2800"
    if not set(text) & set(blank) and len(kept) <= NAME_CAP:
        assert clean(text) == kept


def test_no_control_format_or_surrogate_character_of_unicode_is_kept():
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    hidden = [c for c in every if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\n"]
    assert [ascii(c) for c in hidden if c in clean(f"a{c}b", NOTE_CAP)] == []


# --- what it costs ----------------------------------------------------------------------------

# Each once took, or would take, time by the square of its length.
CHILD = r"""
import resource
from order_skills.text import NAME_CAP, NOTE_CAP, clean
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
pieces = ["\x1b", "\x1b[", "\x1b[0", "\x1b]", "\x1b]x\x1b", "\x9b;", "\x1b[ ", "\x1b(", "\r\n", " "]
pieces += ["0;", "\u200b", "x", "\u0344", "\u0301\u0316", "\u0f73", "\U0001f600", "\ud800"]
for piece in pieces:
    text = "a\x1b[" + piece * (5_000_000 // len(piece))
    for cap in (NAME_CAP, NOTE_CAP):
        for _ in range(5):
            assert len(clean(text, cap)) <= cap
    # With a large cap the beginning that is looked at is the whole text.
    assert len(clean(text[:600_000], 100_000)) <= 100_000
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits there")
def test_five_megabytes_of_the_dearest_text_cost_no_more_than_their_beginning():
    environment = {**os.environ, "PYTHONPATH": str(Path(order_skills.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", CHILD], env=environment, check=False)
    assert done.returncode == 0


# --- personal data ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "masked"),
    [
        ("jane@example.com", "j***@example.com"),
        ("j@example.com", "j***@example.com"),
        ('"a@b"@example.com', '"***@example.com'),
        ("jane@bücher.example", "j***@bücher.example"),
        ("@example.com", "***"),
        ("jane@", "***"),
        ("jane", "***"),
        ("", "***"),
        # What stands in the field beside an address is hidden with it.
        ("jane@example.com, +1 555 0100", "***"),
        ("Jane <jane@example.com>", "***"),
        ("jane@home or 12 Elm Street", "***"),
    ],
)
def test_an_email_shows_its_first_letter_and_where_it_goes(email, masked):
    assert mask_email(email) == masked


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("+1 (555) 010-0123", "***23"),
        ("55512", "***12"),
        ("5551", "***"),
        ("call Jane", "***"),
        ("", "***"),
    ],
)
def test_a_phone_number_shows_two_digits_of_a_long_one(phone, masked):
    assert mask_phone(phone) == masked


@pytest.mark.parametrize(
    ("name", "masked"),
    [("Jane Doe", "J*** D***"), (" 王小明 ", "王***"), ("", "***"), ("  ", "***")],
)
def test_a_name_shows_its_first_letters(name, masked):
    assert mask_name(name) == masked


def test_an_address_shows_country_and_state_alone():
    address = {"name": "Jane", "line1": "12 Elm", "city": "Ulm", "postalCode": "89073"}
    shown = {"country": "DE", "countryCode": "DE", "state": "BW"}
    assert mask_address(address | shown) == dict.fromkeys(address, "***") | shown


secrets = st.text("abcdefghij", min_size=2, max_size=20)


@stable
@given(secrets, st.sampled_from(["example.com", "mail.example.org"]))
def test_no_mask_of_an_email_holds_the_name_in_front(name, domain):
    assert mask_email(f"{name}@{domain}") == f"{name[0]}***@{domain}"


@stable
@given(st.text(max_size=60))
def test_no_mask_holds_two_letters_of_a_name_in_a_row_or_three_digits_of_a_phone(text):
    shown = mask_name(text).split(" ")
    assert all(len(word) <= 4 and word.endswith("***") for word in shown)
    assert len(mask_phone(text)) <= 5
