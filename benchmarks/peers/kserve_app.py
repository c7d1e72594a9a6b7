"""KServe's model server with a custom model: one worker, no gRPC, no access log.

`python kserve_app.py PORT MODEL.onnx`.
"""

import logging
import sys

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid
from onnx_session import Onnx


class OnnxModel(Model):
    def __init__(self, path: str) -> None:
        super().__init__("bench")
        self._onnx = Onnx(path)
        self.ready = True

    async def predict(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:
        found = self._onnx.run(payload.inputs[0].as_numpy())
        outputs = []
        for name, array in found.items():
            datatype = "INT64" if array.dtype.kind == "i" else "FP32"
            output = InferOutput(name=name, shape=list(array.shape), datatype=datatype)
            output.set_data_from_numpy(array, binary_data=False)
            outputs.append(output)
        return InferResponse(payload.id or generate_uuid(), self.name, outputs)


if __name__ == "__main__":
    model = OnnxModel(sys.argv[2])
    server = ModelServer(
        http_port=int(sys.argv[1]), workers=1, enable_grpc=False, enable_latency_logging=False
    )
    for name in ("uvicorn.access", "kserve.trace"):
        logging.getLogger(name).disabled = True
    server.start([model])
