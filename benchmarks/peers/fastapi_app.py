"""FastAPI + pydantic + uvicorn + onnxruntime in their best form: async, no access log, one thread.

Run by an interpreter that has them: `python fastapi_app.py PORT MODEL.onnx`. Speaks the same
inference requests as ours, JSON only.
"""

import os
import sys

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class InferRequest(BaseModel):
    inputs: list[Tensor]
    id: str | None = None


class Output(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class InferResponse(BaseModel):
    model_name: str
    model_version: str
    outputs: list[Output]


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = onnxruntime.InferenceSession(sys.argv[2], options, providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
app = FastAPI()


@app.post("/v2/models/bench/infer")
async def infer(request: InferRequest) -> InferResponse:
    feed = {t.name: np.asarray(t.data, np.float32).reshape(t.shape) for t in request.inputs}
    arrays = session.run(names, feed)
    outputs = [
        Output(name=name, shape=list(array.shape), datatype="FP32", data=array.ravel().tolist())
        for name, array in zip(names, arrays, strict=True)
    ]
    return InferResponse(model_name="bench", model_version="1", outputs=outputs)


if __name__ == "__main__":
    uvicorn.run(
        app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="error"
    )
