"""Small graphs, good and hostile, made with onnx alone."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def value(name, kind=FLOAT, shape=("N", 2)):
    return helper.make_tensor_value_info(name, kind, list(shape) if shape is not None else None)


def model(nodes, inputs=None, outputs=None, constants=None, functions=(), opset=21, domains=()):
    """A model file's bytes. `constants`: name -> array."""
    graph = helper.make_graph(
        nodes,
        "g",
        inputs if inputs is not None else [value("x")],
        outputs if outputs is not None else [value("y")],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()],
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    made = helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=10)
    return made.SerializeToString()


def node(kind, inputs, outputs, domain="", **attributes):
    return helper.make_node(kind, inputs, outputs, domain=domain, **attributes)


def linear(weights=((1.0, 2.0),)):
    """x [N, 2] -> y [N, 1]: a weighted sum."""
    constants = {"w": np.array(weights, dtype=np.float32).T}
    return model(
        [node("MatMul", ["x", "w"], ["y"])], outputs=[value("y", shape=("N", 1))], constants=constants
    )


def identity():
    return model([node("Identity", ["x"], ["y"])])


def scaler(output="x"):
    """raw [N, 2] -> raw / 10."""
    nodes = [node("Div", ["raw", "ten"], [output])]
    return model(nodes, [value("raw")], [value(output)], {"ten": np.float32(10)})


def doubling_functions(count):
    """Every function calls the one before it twice: 2**count nodes in a kilobyte."""
    functions = []
    for level in range(count):
        kind, domain = ("Neg", "") if level == 0 else (f"f{level - 1}", "local")
        nodes = [node(kind, ["a"], ["b"], domain), node(kind, ["b"], ["c"], domain)]
        imports = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
        functions.append(helper.make_function("local", f"f{level}", ["a"], ["c"], nodes, imports))
    call = node(f"f{count - 1}", ["x"], ["y"], "local")
    return model([call], functions=functions, domains=["local"])


def nearest(scanned="points", inputs=None, constants=None, **attributes):
    """x [N, 2] -> y [?, N]: the squared distance of each row to each known point, as skl2onnx writes it."""
    body = helper.make_graph(
        [
            node("Identity", ["kept"], ["keeps"]),
            node("Sub", ["kept", "point"], ["apart"]),
            node("ReduceSumSquare", ["apart"], ["far"], axes=[1], keepdims=0),
        ],
        "body",
        [value("kept", shape=(None, 2)), value("point", shape=(None,))],
        [value("keeps", shape=(None, None)), value("far", shape=(None,))],
    )
    scan = node("Scan", ["x", scanned], ["same", "y"], body=body, num_scan_inputs=1, **attributes)
    points = {"points": np.arange(10, dtype=np.float32).reshape(5, 2)}
    made = points if constants is None else constants
    return model([scan], inputs, [value("y", shape=("P", "N"))], made, opset=17)


def tokenizer(lower=True, **attributes):
    """s [N] -> t [N, M]: words, in small letters."""
    told = {"mark": 0, "mincharnum": 1, "pad_value": "#", "tokenexp": "[a-z]+"} | attributes
    nodes = [node("StringNormalizer", ["s"], ["low"], case_change_action="LOWER", is_case_sensitive=0)]
    nodes.append(node("Tokenizer", ["low" if lower else "s"], ["t"], "com.microsoft", **told))
    inputs = [value("s", TensorProto.STRING, ("N",))]
    outputs = [value("t", TensorProto.STRING, ("N", "M"))]
    return model(nodes if lower else nodes[1:], inputs, outputs, opset=17, domains=["com.microsoft"])


def deep_tree(depth):
    """A regression tree that is one long branch."""
    ids = list(range(2 * depth + 1))
    inner = [number % 2 == 0 and number < 2 * depth for number in ids]
    tree = node(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        "ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[0] * len(ids),
        nodes_nodeids=ids,
        nodes_featureids=[0] * len(ids),
        nodes_values=[0.5] * len(ids),
        nodes_modes=["BRANCH_LEQ" if here else "LEAF" for here in inner],
        nodes_truenodeids=[number + 1 if here else 0 for number, here in zip(ids, inner, strict=True)],
        nodes_falsenodeids=[number + 2 if here else 0 for number, here in zip(ids, inner, strict=True)],
        target_treeids=[0] * (depth + 1),
        target_nodeids=[number for number, here in zip(ids, inner, strict=True) if not here],
        target_ids=[0] * (depth + 1),
        target_weights=[1.0] * (depth + 1),
    )
    return model([tree], outputs=[value("y", shape=("N", 1))], domains=["ai.onnx.ml"])


def looping():
    """A Loop that runs as often as the caller says."""
    body = helper.make_graph(
        [node("Identity", ["go"], ["still"]), node("Identity", ["v"], ["w"])],
        "body",
        [value("i", INT64, ()), value("go", TensorProto.BOOL, ()), value("v")],
        [value("still", TensorProto.BOOL, ()), value("w")],
    )
    loop = node("Loop", ["times", "", "x"], ["y"], body=body)
    return model([loop], [value("x"), value("times", INT64, ())])


def external():
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[2, 1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../etc/passwd")
    made = onnx.ModelProto.FromString(linear())
    made.graph.initializer[0].CopyFrom(tensor)
    return made.SerializeToString()


def apart(folder, place="model.onnx.data", weights=((1.0, 2.0), (3.0, 4.0)), **said):
    """x [N, 2] -> y [N, 2] with the weights in a file beside it: the graph's bytes, and the file's.

    `said` changes what the graph says of the place; None takes it out.
    """
    array = np.array(weights, dtype=np.float32)
    made = onnx.ModelProto.FromString(
        model(
            [node("MatMul", ["x", "w"], ["h"]), node("Add", ["h", "b"], ["y"])],
            constants={"w": array, "b": np.zeros(array.shape[1], np.float32)},
            opset=17,
        )
    )
    content = b"".join(numpy_helper.to_array(tensor).tobytes() for tensor in made.graph.initializer)
    at = 0
    for tensor in made.graph.initializer:
        size = len(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        facts = {"location": place, "offset": at, "length": size} | (said if tensor.name == "w" else {})
        for key, value_ in facts.items():
            if value_ is not None:
                tensor.external_data.add(key=key, value=str(value_))
        at += size
    (folder / "sidecar").write_bytes(content)
    return made.SerializeToString(), content


def endless():
    """x -> x, after a Loop over constants that no load comes to the end of: the runtime folds it first."""
    body = helper.make_graph(
        [node("Identity", ["go"], ["still"]), node("Identity", ["v"], ["w"])],
        "body",
        [value("i", INT64, ()), value("go", TensorProto.BOOL, ()), value("v", FLOAT, ("A",))],
        [value("still", TensorProto.BOOL, ()), value("w", FLOAT, ("A",))],
    )
    loop = node("Loop", ["times", "", "x"], ["y"], body=body)
    return model([loop], constants={"times": np.array(1 << 62, np.int64)})
