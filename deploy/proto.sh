#!/usr/bin/env bash
# Makes inference_pb2.py and inference_pb2.pyi of the protocol's file, into the folder that is named.
set -euo pipefail
cd "$(dirname "$0")/.."
"${PYTHON:-.venv/bin/python}" -m grpc_tools.protoc --proto_path=scoring/protocols \
	--python_out="$1" --pyi_out="$1" inference.proto
# A pool of their own: a process may also hold another client's messages of the same names.
sed -i 's/_descriptor_pool\.Default()/_descriptor_pool.DescriptorPool()/' "$1/inference_pb2.py"
