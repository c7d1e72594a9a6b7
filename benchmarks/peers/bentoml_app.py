"""BentoML with one service of one worker, without access log, metrics and traces.

`python bentoml_app.py PORT MODEL.onnx` becomes `bentoml serve` of the service below.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import bentoml
import numpy as np
from bentoml.validators import DType
from onnx_session import Onnx


@bentoml.service(
    workers=1,
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
    traffic={"timeout": 60, "max_concurrency": 1000},
)
class Bench:
    def __init__(self) -> None:
        self._onnx = Onnx(os.environ["BENCH_MODEL"])

    @bentoml.api
    async def infer(self, x: Annotated[np.ndarray, DType("float32")]) -> dict[str, Any]:
        return {name: array.tolist() for name, array in self._onnx.run(x).items()}


if __name__ == "__main__":
    port, model = sys.argv[1:]
    here = Path(__file__).parent
    command = [sys.executable, "-m", "bentoml", "serve", "bentoml_app:Bench", "--working-dir", str(here)]
    os.environ["BENCH_MODEL"] = model
    os.execv(sys.executable, [*command, "--host", "127.0.0.1", "--port", port])  # noqa: S606
