"""LitServe with one inference worker and one API server, without access log.

`python litserve_app.py PORT MODEL.onnx`.
"""

import sys
from typing import Any

import litserve
import numpy as np
from onnx_session import Onnx


class OnnxAPI(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self._onnx = Onnx(sys.argv[2])

    def decode_request(self, request: dict[str, Any]) -> np.ndarray:
        return np.asarray(request["x"], np.float32)

    def predict(self, x: np.ndarray) -> dict[str, np.ndarray]:
        return self._onnx.run(x)

    def encode_response(self, output: dict[str, np.ndarray]) -> dict[str, Any]:
        return {name: array.tolist() for name, array in output.items()}


if __name__ == "__main__":
    server = litserve.LitServer(
        OnnxAPI(), accelerator="cpu", workers_per_device=1, fast_queue=True, timeout=60
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="error",
        access_log=False,
        generate_client_file=False,
    )
