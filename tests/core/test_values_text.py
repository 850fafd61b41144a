"""Texts, names and ids: what is removed, what is refused, and which names mean the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from market_core.values import (
    AgentId,
    LongText,
    Name,
    Scalar,
    ShortText,
    ShownName,
    TaskText,
    auction_of,
    bid_id_in,
    clean,
    entry_id_in,
    name_of,
    owner_of,
    resource_of,
)


def accepted(kind, value):
    """Return what the annotated type makes of `value`; ValueError if it refuses."""
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  code review \n", "code review"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("bell\x07 escape\x1b[31m null\x00", "bell escape[31m null"),
        ("soft\u00adhyphen", "softhyphen"),
        ("zero\u200bwidth\u200d\ufeff", "zerowidth"),
        ("right\u202eto\u2066left", "righttoleft"),
        ("tag\U000e0041\U000e0042", "tag"),
        ("private\ue000", "private"),
        ("surrogate\ud800", "surrogate"),
        ("e\u0301", "\u00e9"),
        ("日本語 C++ №5 €", "日本語 C++ №5 €"),
    ],
    ids=ascii,
)
def test_a_text_loses_what_nobody_can_see(written, kept):
    assert clean(written) == kept


@pytest.mark.parametrize(
    "hidden", ["\U000e0100", "\U000e01ef", "\u034f", "\u3164", "\u115f", "\uffa0"], ids=ascii
)
def test_invisible_characters_that_count_as_letters_or_marks_are_removed_too(hidden):
    assert clean(f"pay{hidden}{hidden} later") == "pay later"


@given(st.text(alphabet=st.characters(categories=("L", "M", "N", "P", "Z", "Cc", "Cf"))))
def test_cleaning_twice_is_cleaning_once(text):
    once = clean(text)
    assert (clean(once), unicodedata.normalize("NFC", once)) == (once, once)


def test_a_character_hidden_between_a_letter_and_its_accent_changes_nothing():
    assert clean("caf\u0065\u200b\u0301") == "caf\u00e9"


@pytest.mark.parametrize(
    ("kind", "written", "kept"),
    [
        (TaskText, " code\n  review ", "code review"),
        (TaskText, "x" * 200, "x" * 200),
        (TaskText, "x" * 200 + "\u200b" * 50, "x" * 200),
        (ShortText, "", ""),
        (LongText, " a\n b ", "a\n b"),
        (LongText, "x" * 4000, "x" * 4000),
        (ShownName, " GPU   Hours ", "GPU Hours"),
        (Name, " GPU   Hours ", "gpu-hours"),
        (Name, "x" * 64, "x" * 64),
        (AgentId, " claude ", "claude"),
        (AgentId, "Acme-1/re_view.2", "Acme-1/re_view.2"),
        (AgentId, "a" * 64 + "/" + "b" * 64, "a" * 64 + "/" + "b" * 64),
        (Scalar, "  a \n b ", "a b"),
        (Scalar, True, True),
        (Scalar, 10**15 - 1, 10**15 - 1),
        (Scalar, -0.5, -0.5),
    ],
)
def test_a_text_is_accepted_as_meant(kind, written, kept):
    meant = accepted(kind, written)
    assert (meant, type(meant)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("kind", "written", "rule"),
    [
        (TaskText, "", "must not be empty"),
        (TaskText, " \n\t ", "must not be empty"),
        (TaskText, "\u200b\u200d", "must not be empty"),
        (TaskText, "x" * 201, "must have at most 200 characters; it has 201"),
        (TaskText, 5, "must be text"),
        (TaskText, None, "must be text"),
        (LongText, "x" * 4001, "must have at most 4,000 characters; it has 4,001"),
        (ShortText, "x" * 201, "must have at most 200 characters"),
        (ShownName, "", "must have a letter or a digit"),
        (ShownName, " -/- ", "must have a letter or a digit"),
        (ShownName, "\u200b", "must have a letter or a digit"),
        (ShownName, "x" * 65, "must have at most 64 characters"),
        (ShownName, "ﷺ" * 10, "must have at most 64 characters"),  # its plain form has 18 letters
        (Name, 5, "must be text"),
        (AgentId, "", "must be an agent's id"),
        (AgentId, "   ", "must be an agent's id"),
        (AgentId, "-x", "must be an agent's id"),
        (AgentId, "a b", "must be an agent's id"),
        (AgentId, "a/b/c", "must be an agent's id"),
        (AgentId, "/x", "must be an agent's id"),
        (AgentId, "x/", "must be an agent's id"),
        (AgentId, "clаude", "must be an agent's id"),  # with a Cyrillic letter
        (AgentId, "claude\u200b", "must be an agent's id"),
        (AgentId, "x" * 65, "must be an agent's id"),
        (AgentId, True, "must be an agent's id"),
        (AgentId, "market", "must not be 'market'"),
        (AgentId, "MARKET/x", "must not be 'market'"),
        (Scalar, "", "must be text of 1 to 200 characters"),
        (Scalar, "x" * 201, "must be text of 1 to 200 characters"),
        (Scalar, float("nan"), "must be true, false, a finite number or text"),
        (Scalar, float("inf"), "must be true, false, a finite number or text"),
        (Scalar, 1e300, "must be true, false, a finite number or text"),
        (Scalar, 10**15, "must be below 10^15"),
        (Scalar, -(10**400), "must be below 10^15"),
        (Scalar, ["x"], "must be true, false, a finite number or text"),
        (Scalar, None, "must be true, false, a finite number or text"),
    ],
    ids=lambda v: ascii(v)[:30] if isinstance(v, str) else None,
)
def test_what_is_no_text_name_or_id_is_refused(kind, written, rule):
    with pytest.raises(ValidationError) as refused:
        accepted(kind, written)
    (error,) = refused.value.errors()
    assert str(error["ctx"]["error"]).startswith(rule)


@pytest.mark.parametrize(
    "ways",
    [
        ("GPU Hours", "gpu-hours", "gpu_hours", " gpu  hours ", "GPU/HOURS", "(gpu) hours!", "ＧＰＵ hours"),
        ("Straße", "STRASSE", "strasse"),
        ("café", "cafe\u0301", "CAFÉ"),
        ("C++", "c++", "c++ "),
    ],
    ids=lambda ways: ways[0],
)
def test_case_spaces_and_punctuation_make_no_difference_to_a_name(ways):
    assert len({name_of(way) for way in ways}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("C", "C++"),
        ("C", "C#"),
        ("gpu1", "gpu2"),
        ("cafe", "café"),
        ("\u0915\u093e", "\u0915\u0940"),  # two Hindi words that differ in the vowel sign
        ("\u0e01\u0e34\u0e19", "\u0e01\u0e31\u0e19"),  # two Thai words that differ in the vowel sign
    ],
    ids=ascii,
)
def test_different_words_are_different_names(one, other):
    assert name_of(one) != name_of(other)


@given(st.text(max_size=40))
def test_the_name_of_a_name_is_itself(text):
    assert name_of(name_of(text)) == name_of(text)


@pytest.mark.parametrize(
    ("agent", "owner"),
    [("acme", "acme"), ("acme/x", "acme"), ("Acme/X", "acme"), ("ACME", "acme"), ("acme-2", "acme-2")],
)
def test_the_owner_of_an_agent_is_what_stands_before_the_slash_without_case(agent, owner):
    assert owner_of(agent) == owner


def test_a_bid_id_names_its_auction_and_an_entry_id_its_resource():
    assert (bid_id_in("auc_7f", "9"), auction_of("bid_7f_9")) == ("bid_7f_9", "auc_7f")
    assert (entry_id_in("dem", "gpu-hours", "3"), resource_of("dem_gpu-hours_3")) == (
        "dem_gpu-hours_3",
        "gpu-hours",
    )
    assert resource_of(entry_id_in("off", name_of("a_b c"), "x")) == "a-b-c"
