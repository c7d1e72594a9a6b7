"""What is generated and committed is what its source says."""

from __future__ import annotations

import subprocess
import sys

from tests.architecture.source import ROOT


def test_the_grpc_messages_are_those_of_the_proto_file(tmp_path):
    subprocess.run(
        [ROOT / "deploy/proto.sh", tmp_path],
        check=True,
        env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"},
    )
    for name in ("inference_pb2.py", "inference_pb2.pyi"):
        committed = (ROOT / "scoring/protocols" / name).read_text()
        assert committed == (tmp_path / name).read_text(), "run: make proto"
