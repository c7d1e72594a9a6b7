from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass
class S3Server:
    url: str
    access_key: str = "test"
    secret_key: str = "testsecret1"


def free_port() -> int:
    """A free port whose twin 10,000 higher is free too: SeaweedFS opens both."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            if port > 50_000:
                continue
            try:
                second.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port


def running():
    folder = Path(tempfile.mkdtemp(prefix="weed-"))
    ports = [free_port() for _ in range(4)]
    server = S3Server(f"http://127.0.0.1:{ports[3]}")
    identity = {
        "name": "t",
        "credentials": [{"accessKey": server.access_key, "secretKey": server.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    weed = Path(sys.executable).with_name("weed")
    options = {
        "dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "master.port": ports[0],
        "volume.port": ports[1], "filer.port": ports[2], "s3.port": ports[3], "s3.config": folder / "s3.json",
        "admin.ui": "false", "webdav": "false", "s3.port.iceberg": 0, "s3.port.lance": 0,
        "master.telemetry": "false", "filer.localSocket": folder / "f.sock", 
        "s3.localSocket": folder / "s.sock",
    }  # fmt: skip
    command = [weed, "-logtostderr=true", "mini", *(f"-{name}={value}" for name, value in options.items())]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
    try:
        wait(server.url, process, folder)
        yield server
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def wait(url, process, folder):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(url, timeout=1)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError((folder / "log").read_text()[-3000:])
