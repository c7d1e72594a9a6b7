"""MLflow's scoring server of an ONNX model: what `mlflow models serve` runs, one process, no access log.

`python mlflow_app.py PORT MODEL.onnx` saves the model in MLflow's form beside it and becomes the server.
"""

import os
import sys

import mlflow.onnx
import numpy as np
import onnx
from mlflow.models import ModelSignature
from mlflow.pyfunc.scoring_server import get_cmd
from mlflow.types import Schema, TensorSpec


def saved(model: str) -> str:
    folder = model + ".mlflow"
    graph = onnx.load(model)
    row = [dim.dim_value or -1 for dim in graph.graph.input[0].type.tensor_type.shape.dim]
    mlflow.onnx.save_model(
        graph,
        folder,
        signature=ModelSignature(inputs=Schema([TensorSpec(np.dtype("float32"), row, "x")])),
        pip_requirements=[],
        onnx_execution_providers=["CPUExecutionProvider"],
        onnx_session_options={
            "intra_op_num_threads": 1,
            "inter_op_num_threads": 1,
            "extra_session_config": {"session.intra_op.allow_spinning": "0"},
        },
        save_as_external_data=False,
    )
    return folder


if __name__ == "__main__":
    port, model = sys.argv[1:]
    command, environment = get_cmd(saved(model), port=int(port), host="127.0.0.1")
    quiet = ["--no-access-log", "--log-level", "error"]
    os.execve(sys.executable, [sys.executable, "-m", *command.split(), *quiet], environment)  # noqa: S606
