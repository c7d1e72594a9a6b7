"""Each way to make a graph that is none, and the exact words against it."""

from __future__ import annotations

import json

import onnx
import pytest

from registry.inspection import Policy, SetLimits, report
from registry.inspection.parent import _account
from registry.inspection.steps import Order, inspect
from registry.sandbox import Ending, Finished, Limits
from tests.unit.inspection import graphs
from tests.unit.inspection.graphs import FLOAT, model, node, value


def changed(change):
    made = onnx.ModelProto.FromString(graphs.linear())
    change(made)
    return made.SerializeToString()


def weights(**fields):
    def change(made):
        tensor = made.graph.initializer[0]
        for name, content in fields.items():
            if name in ("raw_data", "data_type"):
                setattr(tensor, name, content)
            else:
                tensor.ClearField(name)
                getattr(tensor, name).extend(content)

    return changed(change)


def nested(depth):
    """Written by hand, because onnx itself cannot make what it cannot read."""
    shallow = onnx.ModelProto.FromString(graphs.identity())
    graph = shallow.graph.SerializeToString()
    shallow.ClearField("graph")
    for _ in range(depth):
        branch = field(1, b"then_branch") + field(6, graph) + b"\xa0\x01\x05"
        graph = field(1, field(2, b"y") + field(4, b"If") + field(5, branch))
    outputs = value("y").SerializeToString()
    return shallow.SerializeToString() + field(7, graph + field(12, outputs))


def field(number, content):
    length, rest = b"", len(content)
    while rest >= 128:
        length, rest = length + bytes([rest & 127 | 128]), rest >> 7
    return bytes([number << 3 | 2]) + length + bytes([rest]) + content


def circle():
    imports = [onnx.helper.make_opsetid("local", 1)]
    made = [
        onnx.helper.make_function("local", name, ["a"], ["b"], [node(other, ["a"], ["b"], "local")], imports)
        for name, other in (("f", "g"), ("g", "f"))
    ]
    return model([node("f", ["x"], ["y"], "local")], functions=made, domains=["local"])


def twin_functions():
    imports = [onnx.helper.make_opsetid("", 21)]
    twin = onnx.helper.make_function("local", "f", ["a"], ["b"], [node("Neg", ["a"], ["b"])], imports)
    return model([node("f", ["x"], ["y"], "local")], functions=[twin, twin], domains=["local"])


def labels(texts):
    """x [N] -> y [N]: which of the texts it is."""
    encoder = node(
        "LabelEncoder", ["x"], ["y"], "ai.onnx.ml", keys_strings=texts, values_int64s=range(len(texts))
    )
    inputs = [value("x", onnx.TensorProto.STRING, ("N",))]
    return model([encoder], inputs, [value("y", graphs.INT64, ("N",))], domains=["ai.onnx.ml"])


def text(content):
    return onnx.helper.make_tensor("said", onnx.TensorProto.STRING, [1], [content])


SAID = {
    "two kinds of data": (
        lambda: weights(float_data=[1.0, 2.0]),
        "The constant 'w' of the model holds its values twice, as raw_data and as float_data.",
    ),
    "an absurd rank": (
        lambda: weights(dims=[1] * 100_000),
        "The constant 'w' of the model has 100,000 axes, more than 64.",
    ),
    "an absurd rank of an input": (
        lambda: model([node("Identity", ["x"], ["y"])], [value("x", FLOAT, [1] * 5_000)]),
        "The model declares the tensor 'x' with 5,000 axes, more than 64.",
    ),
    "a negative axis": (
        lambda: weights(dims=[-1, 1]),
        "The constant 'w' of the model has a negative axis.",
    ),
    "a negative axis of an input": (
        lambda: model([node("Identity", ["x"], ["y"])], [value("x", FLOAT, [-7])]),
        "The model declares the tensor 'x' with a negative axis.",
    ),
    "more elements than there are numbers": (
        lambda: weights(dims=[1 << 40, 1 << 40]),
        "The constant 'w' of the model declares more elements than can be counted.",
    ),
    "a product that hides behind a nought": (
        lambda: weights(dims=[1 << 40, 1 << 40, 0]),
        "The constant 'w' of the model declares more elements than can be counted.",
    ),
    "an unknown datatype": (
        lambda: weights(data_type=77),
        "The constant 'w' of the model has an unknown datatype.",
    ),
    "two constants of one name": (
        lambda: changed(lambda made: made.graph.initializer.append(made.graph.initializer[0])),
        "The model has two constants of the name 'w'.",
    ),
    "two inputs of one name": (
        lambda: changed(lambda made: made.graph.input.append(made.graph.input[0])),
        "The model has two inputs of the name 'x'.",
    ),
    "a tensor that is made twice": (
        lambda: changed(lambda made: made.graph.node.append(made.graph.node[0])),
        "The model makes the tensor 'y' twice.",
    ),
    "two functions of one name": (twin_functions, "The model has two functions of the name 'f'."),
    "functions in a circle": (
        circle,
        "The model nests functions or subgraphs more than 8 deep, or in a circle.",
    ),
    "32 MiB of metadata": (
        lambda: changed(lambda made: made.metadata_props.add(key="k", value="x" * (32 << 20))),
        "The model carries 33,554,438 bytes of metadata, descriptions and names, more than 16,777,216.",
    ),
    "32 MiB of a producer's name": (
        lambda: changed(lambda made: setattr(made, "producer_name", "x" * (32 << 20))),
        "The model carries 33,554,437 bytes of metadata, descriptions and names, more than 16,777,216.",
    ),
    "32 MiB of words about an input": (
        lambda: changed(lambda made: setattr(made.graph.input[0], "doc_string", "x" * (32 << 20))),
        "The model carries 33,554,437 bytes of metadata, descriptions and names, more than 16,777,216.",
    ),
    "17 MiB of a symbolic axis": (
        lambda: model([node("Identity", ["x"], ["y"])], [value("x", FLOAT, ["N" * (17 << 20)])]),
        "The model carries 17,825,796 bytes of metadata, descriptions and names, more than 16,777,216.",
    ),
    "8 MiB of text in an attribute": (
        lambda: labels([b"x" * (8 << 20), b"no"]),
        "The model holds a text of 8,388,608 bytes in an attribute of a LabelEncoder, more than 4,194,304.",
    ),
    "many texts that are long together": (
        lambda: labels([bytes([65 + place]) * (4 << 20) for place in range(17)]),
        "The attributes of the model hold 71,303,168 bytes of text, more than 67,108,864.",
    ),
    "5 MiB of text in a constant": (
        lambda: changed(lambda made: made.graph.initializer.append(text(b"x" * (5 << 20)))),
        "The model holds a text of 5,242,880 bytes in the constant 'said', more than 4,194,304.",
    ),
    "subgraphs beyond what the format is read": (
        lambda: nested(60),
        "The model cannot be read. It is truncated, no ONNX file at all, or nests subgraphs deeper than the"
        " format is read.",
    ),
    "subgraphs 12 deep": (
        lambda: nested(12),
        "The model nests functions or subgraphs more than 8 deep, or in a circle.",
    ),
    "weights at a path": (
        graphs.external,
        "The constant 'w' of the model lies in another file, '../../etc/passwd': send it too, under files as"
        " weights, or save the model in one.",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_the_words_against_it_are_these(tmp_path, name):
    make, sentence = SAID[name]
    (tmp_path / "model.onnx").write_bytes(make())
    policy = Policy(allowed=frozenset({("", "If")}))

    found = list(inspect(Order({"model": tmp_path / "model.onnx"}, {}, policy, SetLimits())))[-1]

    assert sentence in [one.message for one in (*found.refusals, *found.findings)]
    assert report.parse(json.dumps(found.to_json()).encode())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "The graph cannot be read: it takes more memory than its size allows."),
        (RecursionError("deep"), "The graph cannot be read: it is nested too deep."),
        (IndexError("list index"), "The graph cannot be read: IndexError: list index."),
        (KeyError(), "The graph cannot be read: KeyError: no more is said."),
    ],
)
def test_a_parser_that_gives_up_is_told_by_what_it_said(tmp_path, monkeypatch, error, words):
    def give_up(*_):
        raise error

    monkeypatch.setattr("registry.inspection.steps.read_model", give_up)

    found = list(inspect(Order({"model": tmp_path / "x"}, {}, Policy(), SetLimits())))[-1]

    assert [one.message for one in found.refusals] == [words]


def ended(ending=Ending.EXITED, code: int | None = 0, out=b"", err=b""):
    return Finished(ending, code, out, err, 1.0, 0, Limits(memory_bytes=1 << 30, wall_seconds=50))


ENDS = {
    "time": (ended(Ending.WALL_CLOCK, None), "did not end within 50 s"),
    "processor time": (ended(Ending.SIGNALLED, -24), "used more than 60 s of processor time"),
    "memory": (ended(Ending.MEMORY, None), "used more than 1,024 MiB of memory"),
    "an allocation": (
        ended(code=1, err=b"Traceback\nMemoryError\n"),
        "asked for more memory than the 1,024 MiB that it may use",
    ),
    "an allocation of C++": (
        ended(Ending.SIGNALLED, -6, err=b"terminate called after throwing ...\n  what():  std::bad_alloc"),
        "asked for more memory than the 1,024 MiB that it may use",
    ),
    "a crash": (
        ended(Ending.SIGNALLED, -11),
        "crashed (SIGSEGV: it read or wrote where it has no memory, or called itself too deep)",
    ),
    "a division": (ended(Ending.SIGNALLED, -8), "crashed (SIGFPE: a division that has no result)"),
    "the machine": (
        ended(Ending.SIGNALLED, -9),
        "was ended by the system (SIGKILL): most often the machine itself had no memory left",
    ),
    "silence": (ended(), "stopped before its work was done, without saying why"),
}


@pytest.mark.parametrize("name", ENDS)
def test_time_memory_and_crashes_are_told_apart(name):
    finished, words = ENDS[name]

    assert finished.sentence == words
    assert words in _account(finished).refusals[0].message


def test_a_report_beyond_its_bounds_is_said_to_be_that():
    found = _account(ended(out=b'{"refusals": 1}\n'))

    assert "beyond every bound" in found.refusals[0].message
