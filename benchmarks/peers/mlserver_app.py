"""MLServer with a custom runtime: no parallel workers, no access log, no metrics.

`python mlserver_app.py PORT MODEL.onnx`.
"""

import asyncio
import socket
import sys

from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.settings import ModelParameters
from mlserver.types import InferenceRequest, InferenceResponse
from onnx_session import Onnx


class OnnxModel(MLModel):
    async def load(self) -> bool:
        self._onnx = Onnx(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        outputs = self._onnx.run(NumpyCodec.decode_input(payload.inputs[0]))
        return InferenceResponse(
            model_name=self.name,
            outputs=[NumpyCodec.encode_output(name, array) for name, array in outputs.items()],
        )


async def serve(port: int, model: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        grpc_port = probe.getsockname()[1]
    server = MLServer(
        Settings(
            debug=False,
            host="127.0.0.1",
            http_port=port,
            grpc_port=grpc_port,
            parallel_workers=0,
            metrics_endpoint=None,
            load_models_at_startup=False,
        )
    )
    settings = ModelSettings(
        name="bench", implementation=OnnxModel, parameters=ModelParameters(uri=model, version="1")
    )
    await server.start([settings])


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.install()
    except ImportError:
        pass
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
