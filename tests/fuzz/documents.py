"""JSON as no library would write it, and nearly good requests."""

from __future__ import annotations

import json
import struct
from typing import Any

from hypothesis import strategies as st

# Texts of one value each: what a careful writer cannot produce is the point.
LEAVES = [
    *("null", "true", "false", "0", "-0", "1", "-1", "1.5", "-0.0", "01", "+1", ".5", "1.", "0x1", "1_0"),
    *("1e2", "1e39", "-1e39", "1e309", "1e-400", "NaN", "Infinity", "-Infinity", "127", "128", "-129", "256"),
    *("32768", "65504", "65536", "2147483648", "9223372036854775808", "18446744073709551616"),
    *("1" * 400, "1" * 5000, "0." + "3" * 400, "1e" + "9" * 20),
    *('""', '"a"', '"a:b"', '"Zo\\u00eb"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"'),
    *('"\\x41"', '"\n"', '"\u2028"', "'a'", '"', "[", "]", "{", "}", ",", ":", "//", "[]", "{}", "[[]]"),
    *("[" * 50 + "]" * 50, "[" * 2000, '{"a":' * 600 + "1" + "}" * 600, '{"a":1,"a":2}'),
]  # fmt: skip
DATATYPES = ["FP32", "INT64", "BYTES", "BOOL", "FP16", "INT8", "UINT64", "fp32", "BF16", ""]


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f'"{name}":{text}' for name, text in pairs) + "}"


leaves = st.sampled_from(LEAVES)
numbers = st.one_of(st.integers(-3, 300).map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr))
values = st.recursive(
    leaves | numbers | st.text(max_size=8).map(json.dumps),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda parts: f"[{','.join(parts)}]"),
        st.lists(st.tuples(st.sampled_from(["a", "b", "height", "x"]), inner), max_size=4).map(_object),
    ),
    max_leaves=8,
)


def mostly(good: st.SearchStrategy[str], other: st.SearchStrategy[str] = values) -> st.SearchStrategy[str]:
    return st.one_of(good, good, good, good, good, other)


def texts(*choices: str) -> st.SearchStrategy[str]:
    return st.sampled_from([json.dumps(choice) for choice in choices])


def objects(
    needed: dict[str, st.SearchStrategy[str]], also: dict[str, st.SearchStrategy[str]]
) -> st.SearchStrategy[str]:
    """Objects with these members: some missing, some twice, some unknown."""
    members = {**needed, **also}
    extra = st.lists(
        st.sampled_from([*also, *also, *needed, "a"] if also else [*needed, "a"]).flatmap(
            lambda name: st.tuples(st.just(name), members.get(name, values))
        ),
        max_size=2,
    )
    base = st.tuples(*(st.tuples(st.just(name), value) for name, value in needed.items()))
    return st.tuples(base, extra).map(lambda made: _object([*made[0], *made[1]]))


def lists(inner: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[str]:
    return st.lists(inner, max_size=most).map(lambda parts: f"[{','.join(parts)}]")


parameters = objects({}, {"unit": texts("u"), "binary_data_size": numbers, "binary_data": leaves})
shapes = st.one_of(
    st.sampled_from(
        ["[1,2]", "[2,2]", "[1]", "[2]", "[]", "[-1,2]", "[0]", "[2147483647,2]", "[4294967296]"]
    ),
    lists(numbers | leaves),
)
rows = st.one_of(
    st.sampled_from(["[1,2]", "[[1,2]]", "[[1,2],[3,4]]", "[[1],[2,3]]", '["a"]', "[true]", "[0.5]"]),
    lists(lists(numbers)),
    values,
)
tensors = objects(
    {
        "name": mostly(texts("x", "i", "s", "b", "h", "o")),
        "datatype": mostly(texts(*DATATYPES)),
        "shape": mostly(shapes),
    },
    {"data": rows, "parameters": mostly(parameters)},
)
oip = objects(
    {"inputs": mostly(lists(tensors))},
    {
        "id": values,
        "parameters": mostly(parameters),
        "outputs": mostly(lists(objects({"name": texts("y")}, {}))),
    },
)
simple = objects(
    {"inputs": mostly(objects({"x": rows}, {"i": rows, "s": rows, "height": values}))}, {"unit": values}
)
mlflow = st.one_of(
    objects({"inputs": rows | objects({"x": rows}, {"height": rows, "width": rows})}, {"params": values}),
    objects({"instances": rows | lists(objects({"height": values, "width": values}, {}))}, {"inputs": rows}),
    objects(
        {"dataframe_split": objects({"data": rows}, {"columns": lists(leaves), "index": values})},
        {"params": values},
    ),
    objects({"dataframe_records": lists(objects({"height": numbers}, {"width": values, "x": rows}))}, {}),
)
feedback = st.one_of(
    objects({"request_id": mostly(texts("a" * 64, ""))}, {"reward": values, "label": values}),
    lists(objects({"request_id": texts("a" * 64)}, {"reward": values, "label": values})),
)

lengths = st.one_of(st.integers(0, 8), st.sampled_from([2**31 - 1, 2**31, 2**32 - 1]))
counted = st.lists(st.tuples(lengths, st.binary(max_size=6)), max_size=4).map(
    lambda parts: b"".join(struct.pack("<I", length) + content for length, content in parts)
)
"""Texts with 4-byte lengths that need not be true."""
tails = st.one_of(st.binary(max_size=40), counted)


def encoded(document: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """As bytes; at times cut, at times with a byte that is no UTF-8."""

    def spoilt(made: tuple[str, int, bytes]) -> bytes:
        raw = made[0].encode("utf-8", "surrogatepass")
        place = made[1] % (len(raw) + 1)
        return raw if made[1] > 40 else raw[:place] + made[2] + raw[place + 1 :]

    noise = st.sampled_from([b"", b"\xff", b"\x00", b"\xed\xa0\x80", b'"', b"{", b"1"])
    return st.tuples(document, st.integers(0, 400), noise).map(spoilt)


def changed(document: Any) -> st.SearchStrategy[Any]:
    """A JSON document with one value somewhere replaced or left out."""
    return st.tuples(st.integers(0, 10_000), st.sampled_from(REPLACEMENTS)).map(
        lambda made: _replaced(document, made[0], made[1])
    )


REPLACEMENTS = [
    *(
        None,
        True,
        -1,
        0,
        2**70,
        1e308,
        float("inf"),
        float("nan"),
        "",
        "a",
        "\ud800",
        [],
        {},
        [None],
        {"a": 1},
    ),
    *([[]], "9" * 5000, -(2**63), "../..", "\x00"),
]


def _replaced(document: Any, place: int, value: Any) -> Any:
    places = list(_places(document))
    chosen = places[place % len(places)]

    def rebuilt(inner: Any, path: tuple[Any, ...]) -> Any:
        if path == chosen:
            return value
        if isinstance(inner, dict):
            return {key: rebuilt(each, (*path, key)) for key, each in inner.items()}
        if isinstance(inner, list):
            return [rebuilt(each, (*path, number)) for number, each in enumerate(inner)]
        return inner

    return rebuilt(document, ())


def _places(inner: Any, path: tuple[Any, ...] = ()) -> Any:
    yield path
    members = (
        inner.items() if isinstance(inner, dict) else enumerate(inner) if isinstance(inner, list) else ()
    )
    for key, each in members:
        yield from _places(each, (*path, key))
