"""JSON from a store is read strictly: no guess, no float, bounded memory and time."""

import asyncio
import json
import math
import os
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import order_skills
from order_skills.errors import Code, Happened
from order_skills.strict_json import (
    MAX_DEPTH,
    MAX_INT,
    MAX_NUMBER_LENGTH,
    MAX_TOKENS,
    BadJson,
    parse,
)
from raw_store import BODY_CANARY, GET, POST, RawStore, answer, calling, failed

stable = settings(max_examples=300, deadline=None, derandomize=True, database=None)

# What is refused, and the word in the refusal that says why.
HOSTILE = {
    "nothing": (b"", "not valid"),
    "white space alone": (b" \n", "not valid"),
    "HTML": (b"<html>", "not valid"),
    "truncated": (b'{"a":', "not valid"),
    "trailing junk": (b"{}}", "not valid"),
    "two documents": (b"{} {}", "not valid"),
    "trailing comma": (b"[1,]", "not valid"),
    "single quotes": (b"{'a':1}", "not valid"),
    "comment": (b"{} //", "not valid"),
    "leading zero": (b"[01]", "not valid"),
    "hexadecimal": (b"[0x10]", "not valid"),
    "raw newline in a string": (b'"a\nb"', "not valid"),
    "NUL": (b"\x00", "not valid"),
    "NUL in a string": (b'"\x00"', "not valid"),
    "unknown escape": (b'"\\x41"', "not valid"),
    "short escape": (b'"\\u12"', "not valid"),
    "duplicate key": (b'{"amount":1,"amount":2}', "twice"),
    "duplicate key by escape": (b'{"amount":1,"\\u0061mount":2}', "twice"),
    "duplicate key inside": (b'[{"a":{"b":1,"b":1}}]', "twice"),
    "NaN": (b'{"amount":NaN}', "finite"),
    "Infinity": (b"[Infinity]", "finite"),
    "-Infinity": (b"[-Infinity]", "finite"),
    "1e400": (b"[1e400]", "range"),
    "-1e400": (b"[-1e400]", "range"),
    "1e-400": (b"[1e-400]", "range"),
    "0e400": (b"[0e400]", "range"),
    "exponent beyond all": (b"[1e9999999999999999999]", "read"),
    "2**53+1": (b"%d" % (2**53 + 1), "large"),
    "-2**53-1": (b"-%d" % (2**53 + 1), "large"),
    "5,000 digits": (b"1" * 5_000, "large"),
    "5,000 decimals": (b"1." + b"1" * 5_000, "digits"),
    "byte order mark": (b"\xef\xbb\xbf{}", "mark"),
    "UTF-16": ("{}".encode("utf-16"), "UTF-8"),
    "UTF-16 without a mark": ("{}".encode("utf-16-le"), "not valid"),
    "UTF-32": ("{}".encode("utf-32"), "UTF-8"),
    "Latin-1": (b'"\xe9"', "UTF-8"),
    "overlong slash": (b'"\xc0\xaf"', "UTF-8"),
    "surrogate in UTF-8": (b'"\xed\xa0\x80"', "UTF-8"),
    "first half of a pair": (b'"\\ud83d"', "surrogate"),
    "second half of a pair": (b'"\\ude00"', "surrogate"),
    "halves in the wrong order": (b'"\\ude00\\ud83d"', "surrogate"),
    "half of a pair as a key": (b'{"\\ud83d":1}', "surrogate"),
    "one level too deep": (b"[" * 65 + b"]" * 65, "deep"),
    "objects too deep": (b'{"a":' * 65 + b"1" + b"}" * 65, "deep"),
    "400 deep": (b"[" * 400 + b"]" * 400, "deep"),
    "400 deep, with an escape": (b"[" * 400 + b'"\\u0041"' + b"]" * 400, "deep"),
    "depth of 100,000": (b"[" * 100_000 + b"]" * 100_000, "valid|deep"),
    "objects 100,000 deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "valid|deep"),
    "a million numbers": (b"[" + b"1," * 999_999 + b"1]", "too many"),
    "a flood of brackets": (b"[" * 5_000_000, "too many"),
    "a flood of objects": (b'{"a":' * 1_000_000, "too many"),
    "one value too many": (b"[" + b"1," * MAX_TOKENS + b"1]", "too many"),
}


@pytest.mark.parametrize(("body", "word"), HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_relied_on_is_refused_and_named(body, word):
    with pytest.raises(BadJson, match=word):
        parse(body)


@pytest.mark.parametrize("body", [body for body, _ in HOSTILE.values()], ids=HOSTILE)
async def test_a_store_that_sends_it_is_said_to_have_answered_badly(body):
    async with RawStore(answer(200, body)) as store, calling(store.url) as caller:
        read = await failed(caller.client.read(GET))
        written = await failed(caller.client.write(POST))
    assert (read.code, read.happened) == (Code.STORE_BAD_ANSWER, Happened.NO)
    assert (written.code, written.happened) == (Code.STORE_BAD_ANSWER, Happened.UNKNOWN)
    assert len(store.requests) == 2


@pytest.mark.parametrize(
    "body",
    [
        f'{{"{BODY_CANARY}":1,"{BODY_CANARY}":2}}',
        f'["{BODY_CANARY}",NaN]',
        f'["{BODY_CANARY}"',
        f'"{BODY_CANARY}\\ud800"',
        f'"{BODY_CANARY}\\q"',
        f'"{BODY_CANARY}é"',
    ],
)
def test_a_refusal_repeats_nothing_of_what_it_refuses(body):
    with pytest.raises(BadJson) as caught:
        parse(body.encode("latin-1"))
    assert BODY_CANARY not in f"{caught.value}{caught.value!r}"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"null", None),
        (b" [ ] ", []),
        (b'{"a":{},"b":[true,false]}', {"a": {}, "b": [True, False]}),
        (b"%d" % 2**53, 2**53),
        (b"-%d" % 2**53, -(2**53)),
        (b"-0", 0),
        (b'"\\ud83d\\ude00 \xf0\x9f\x98\x80"', "\U0001f600 \U0001f600"),
        (b'"\\u0000\\n"', "\0\n"),
        (b'{"":1}', {"": 1}),
        (b'{"a":1,"A":2}', {"a": 1, "A": 2}),
    ],
)
def test_plain_json_is_read_as_it_stands(body, value):
    assert parse(body) == value


@pytest.mark.parametrize("number", ["0.1", "59.980", "1e5", "-2.50", "1E-7", "0.0", "1e32"])
def test_a_number_with_a_point_or_an_exponent_is_an_exact_decimal(number):
    value = parse(number.encode())
    assert type(value) is Decimal
    assert str(value) == str(Decimal(number))


def test_what_stays_inside_the_bounds_is_read():
    assert parse(b"[" * 64 + b"]" * 64) is not None
    assert parse(b"[" + b"1," * (MAX_TOKENS - 1) + b"1]") == [1] * MAX_TOKENS
    digits = b"1." + b"1" * (MAX_NUMBER_LENGTH - 2)
    assert parse(digits) == Decimal(digits.decode())


# --- for any input ---------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.none() | st.booleans() | st.integers(-MAX_INT, MAX_INT) | words
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)
marks = [
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    " ",
    '"',
    "\\",
    "-",
    ".5",
    "e9",
    "e999",
    "1",
    "9007199254740993",
]
pieces = [*marks, '"a"', '"\\ud83d', '\\ude00"', "null", "NaN", "\ufeff", "\x00", "é"]
almost_json = st.lists(st.sampled_from(pieces), max_size=12).map("".join)


@stable
@given(trees, st.booleans())
def test_what_was_written_is_what_is_read(tree, ascii_only):
    assert parse(json.dumps(tree, ensure_ascii=ascii_only).encode()) == tree


@stable
@given(st.binary(max_size=40) | almost_json.map(str.encode))
def test_any_bytes_are_refused_or_read_into_values_that_can_be_relied_on(body):
    try:
        value = parse(body)
    except BadJson:
        return
    json.dumps(value, ensure_ascii=False, default=str).encode()
    assert_reliable(value, depth=1)


def assert_reliable(value: object, depth: int) -> None:
    assert depth <= MAX_DEPTH
    match value:
        case dict():
            for key, inner in value.items():
                assert type(key) is str
                assert_reliable(inner, depth + 1)
        case list():
            for inner in value:
                assert_reliable(inner, depth + 1)
        case Decimal():
            assert value.is_finite()
            assert math.isfinite(float(value))
        case int():
            assert abs(value) <= MAX_INT
        case _:
            assert value is None or type(value) is str


# --- what it costs ---------------------------------------------------------------------------

ASTRAL = "\U0001f600".encode()
# Bodies of up to 5 MB that are as dear as they can be made.
COSTLY = {
    "short keys": b"{" + b",".join(b'"%s%05x":1.5' % (ASTRAL, n) for n in range(199_990)) + b"}",
    "long keys": b"{" + b",".join(b'"%s%014x":1.5' % (ASTRAL, n) for n in range(199_990)) + b"}",
    "objects": b"[" + b",".join(b'{"%x":1.5}' % n for n in range(99_990)) + b"]",
    "wide text": b'["\\u0041' + ASTRAL + b"a" * 4_999_900 + b'"]',
    "wide texts": b'["\\u0041"' + b',"%saaaaaaaaaaaaaaaa"' % ASTRAL * 199_900 + b"]",
    "escapes": b'["' + ASTRAL + b"\\u0041" + b'\\"' * 2_400_000 + b'"]',
    "pairs": b'["' + b"\\ud83d\\ude00" * 416_000 + b'"]',
    "lists": b"[" + b"[]," * 99_990 + b"1]",
    **{name: HOSTILE[name][0] for name in ("a million numbers", "a flood of brackets")},
}
CHILD = """
import asyncio, json, resource, sys
from order_skills.errors import StoreError
from order_skills.http import Call, StoreClient

def peak():
    try:
        # What getrusage says here also counts the process that started this one.
        with open("/proc/self/status") as status:
            return next(int(l.split()[1]) * 1024 for l in status if l.startswith("VmHWM"))
    except (OSError, StopIteration):
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return used if sys.platform == "darwin" else used * 1024

async def main(url, count):
    client = StoreClient("Clawver", url, {"x-api-key": "k"})
    await client.read(Call("GET", "/small"))
    before = peak()
    ends = []
    for _ in range(count):
        try:
            ends.append(type((await client.read(Call("GET", "/costly"))).json).__name__)
        except StoreError as error:
            ends.append(error.code)
    await client.aclose()
    print(json.dumps({"ends": ends, "cost": peak() - before}))

# A minute of computing is a hundred times what it takes, and ends what never would.
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits there")
async def test_the_dearest_bodies_of_5_mb_cost_less_than_150_mb():
    assert max(map(len, COSTLY.values())) <= 5_000_000
    scripts = [answer(200, b"{}"), *(answer(200, body) for body in COSTLY.values())]
    async with RawStore(*scripts) as store:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CHILD, store.url, str(len(COSTLY))),
            env={**os.environ, "PYTHONPATH": str(Path(order_skills.__file__).parents[1])},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await child.communicate()
    report = json.loads(said)
    expected = ["dict", "dict", *["list"] * 6, "STORE_BAD_ANSWER", "STORE_BAD_ANSWER"]
    assert report["ends"] == expected
    assert 5_000_000 < report["cost"] < 150_000_000
