"""FastAPI + pydantic + uvicorn + onnxruntime in their best form: async, no access log, one thread.

`python fastapi_app.py PORT MODEL.onnx`. Speaks the same inference requests as ours, JSON only.
"""

import sys

import numpy as np
import uvicorn
from fastapi import FastAPI
from onnx_session import Onnx
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


onnx = Onnx(sys.argv[2])
app = FastAPI()


@app.post("/v2/models/bench/infer")
async def infer(request: InferRequest) -> InferResponse:
    tensor = request.inputs[0]
    found = onnx.run(np.asarray(tensor.data, np.float32).reshape(tensor.shape))
    outputs = [
        Output(
            name=name,
            shape=list(array.shape),
            datatype="INT64" if array.dtype.kind == "i" else "FP32",
            data=array.ravel().tolist(),
        )
        for name, array in found.items()
    ]
    return InferResponse(model_name="bench", model_version="1", outputs=outputs)


if __name__ == "__main__":
    uvicorn.run(
        app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="error"
    )
