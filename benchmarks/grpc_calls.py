"""What a call over gRPC costs, in the process that translates and in the node, beside REST."""

from __future__ import annotations

import asyncio
import socket
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import grpc

from benchmarks import servers, workloads
from benchmarks.capacity import Pace
from benchmarks.closed_loop import Load, message, on_core, run
from benchmarks.measures import Measure
from benchmarks.servers import BEARER, CLIENT_CPU, MODEL, Node, Server, free_port
from benchmarks.workloads import Workload
from scoring.protocols import inference_pb2 as messages

_METHOD = "/inference.GRPCInferenceService/ModelInfer"


class _Bridge(Server):
    """`python -m scoring.grpc` in front of a node. It is ready when its port is open."""

    def __init__(self, node: Node, folder: Path) -> None:
        port = free_port()
        command = [sys.executable, "-m", "scoring.grpc", "--node", f"http://127.0.0.1:{node.port}"]
        super().__init__([*command, "--port", str(port)], port, (), folder / "grpc.log")

    def _probe(self, ready: Sequence[bytes]) -> None:
        socket.create_connection(("127.0.0.1", self.port), timeout=2).close()


def measure(folder: Path, pace: Pace) -> list[Measure]:
    workload = workloads.ALL["W1"]()
    rest, bridged = [], []
    with servers.ours(folder, workload) as node, _Bridge(node, folder) as bridge:
        load = Load(
            node.port, [message(servers.infer_path(), workload.json_body(1), BEARER)], pace.connections
        )
        for turn in range(pace.rounds + 1):
            used = node.cpu_us()
            seen = run(load, seconds=pace.seconds, cpu=CLIENT_CPU)
            over_rest = (node.cpu_us() - used) / seen.requests
            used = node.cpu_us() + bridge.cpu_us()
            with on_core(CLIENT_CPU):
                calls = asyncio.run(_call(bridge.port, workload, pace))
            over_grpc = (node.cpu_us() + bridge.cpu_us() - used) / calls
            if turn:
                rest.append(over_rest)
                bridged.append(over_grpc)
    one, other = statistics.median(rest), statistics.median(bridged)
    return [
        Measure("W1, a call over gRPC to REST", other / one, "x", f"CPU {other:.0f} µs; {one:.1f} µs by REST")
    ]


async def _call(port: int, workload: Workload, pace: Pace) -> int:
    """Calls that were answered in the time of a run."""
    rows = workload.rows(1)
    request = messages.ModelInferRequest(model_name=MODEL, raw_input_contents=[rows.tobytes()])
    request.inputs.add(name="x", datatype="FP32", shape=rows.shape)
    head = (("authorization", BEARER["Authorization"]),)
    until = time.perf_counter() + pace.seconds
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        infer = channel.unary_unary(
            _METHOD,
            request_serializer=messages.ModelInferRequest.SerializeToString,
            response_deserializer=messages.ModelInferResponse.FromString,
        )

        async def ask() -> int:
            calls = 0
            while time.perf_counter() < until:
                await infer(request, metadata=head)
                calls += 1
            return calls

        return sum(await asyncio.gather(*(ask() for _ in range(pace.connections))))
