"""The whole product as one tree: it comes back, it ends, it finds its data again, on any set of servers."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import boto3
import grpc
import httpx
import psutil
import pytest

from tests import databases, live
from tests.servers import free_port, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("live tree"), pytest.mark.timeout(300)]


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def answers_grpc(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        try:
            live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")(b"", timeout=5)
        except grpc.RpcError:
            return False
    return live == b"\x08\x01"


def all_faces(tree: live.LiveTree) -> bool:
    http = answers(f"{tree.web}/healthz") and answers(f"{tree.scoring}/v2/health/live")
    return http and answers_grpc(tree.grpc)


def up(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "up", *arguments],
        cwd=live.ROOT, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["valkey", "web", "control", "proving", "scoring", "grpc"])
def test_a_killed_process_comes_back_and_the_faces_answer(live_tree, name):
    if name not in live_tree.pids():
        pytest.skip("this tree uses a broker of somebody else")
    live_tree.kill(name)
    wait_until(lambda: all_faces(live_tree), "all faces to answer again")
    assert live_tree.pids().keys() >= {"web", "control", "proving", "scoring", "grpc"}


def test_ticks_go_on_after_the_broker_was_killed(live_tree):
    """Work is found again without a restart of the workers: the broker carries only wake-ups."""
    log = live_tree.data / "logs/control.log"
    live_tree.kill("valkey")
    seen = log.read_text().count("releases.tick")
    wait_until(lambda: log.read_text().count("releases.tick") > seen + 3, "more ticks")


def test_a_second_start_finds_its_data_and_nothing_of_a_killed_tree_stays():
    with live.running() as tree:
        keys = keys_of(tree)
        tree.manage("shell", "-c", "from registry.models import Person; Person.objects.create_user('kept')")
        children = psutil.Process(tree.supervisor).children(recursive=True)
        os.kill(tree.supervisor, signal.SIGKILL)
        find = "from registry.models import Person; Person.objects.get(username='kept')"
        command = shlex.join([sys.executable, "manage.py", "shell", "-c", find])
        again = up(tree.environment, "--once", "--then", command)
        assert again.returncode == 0, again.stdout + again.stderr
        assert keys_of(tree) == keys
        assert not [one for one in children if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def keys_of(tree: live.LiveTree) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (tree.data / "keys").iterdir()}


def test_control_c_ends_everything_within_eight_seconds():
    with live.running() as tree:
        children = psutil.Process(tree.supervisor).children(recursive=True)
        assert len(children) >= 8
        os.kill(tree.supervisor, signal.SIGINT)
        _, alive = psutil.wait_procs(children, timeout=8)
        assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("setting", ["ASSAY_SCORING_PORT", "ASSAY_GRPC_PORT"])
def test_a_taken_port_is_named_in_one_sentence_with_its_setting(tmp_path, setting):
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        port = str(owner.getsockname()[1])
        own = {
            "ASSAY_DATA_DIR": str(tmp_path),
            "ASSAY_WEB_PORT": str(free_port()),
            "ASSAY_SCORING_PORT": str(free_port()),
            setting: port,
        }
        refused = up({**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **own})
    assert refused.returncode == 1
    assert f"Port {port} is taken: stop what uses it, or set {setting} to" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_wrong_setting_is_named_in_one_sentence(tmp_path):
    own = {"ASSAY_DATA_DIR": str(tmp_path), "ASSAY_DEBUG": "yes please"}
    refused = up({**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **own})
    assert refused.returncode == 1
    assert refused.stderr.strip() == "ASSAY_DEBUG='yes please': write true or false"


def test_the_command_played_at_the_end_gives_its_exit_code(live_environment):
    played = up(live_environment, "--once", "--then", f"{sys.executable} -c 'raise SystemExit(3)'")
    assert played.returncode == 3, played.stderr
    assert "Assay is ready after" in played.stdout


def test_postgresql_redis_and_s3_take_over_by_environment_alone(servers):
    s3 = servers.s3()
    given = {**live.redis_and_s3(servers), "ASSAY_ENVIRONMENT": f"tests-{os.getpid()}"}
    with (
        databases.fresh_postgres(servers.postgres_url()) as url,
        live.running(DATABASE_URL=url, **given) as tree,
    ):
        assert "valkey" not in tree.pids()
        assert not list(tree.data.glob("assay.sqlite3*"))
        assert all_faces(tree)
        log = tree.data / "logs/control.log"
        wait_until(lambda: "releases.tick" in log.read_text(), "a tick through the Redis that was given")
    keys = {"aws_access_key_id": s3.access_key, "aws_secret_access_key": s3.secret_key}
    client = boto3.client("s3", endpoint_url=s3.url, region_name="us-east-1", **keys)
    client.head_bucket(Bucket=f"assay-{os.getpid()}")


@pytest.fixture
def live_environment(tmp_path: Path) -> dict[str, str]:
    names = ("ASSAY_WEB_PORT", "ASSAY_SCORING_PORT", "ASSAY_GRPC_PORT")
    ports = {name: str(free_port()) for name in names}
    own = {"ASSAY_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    return {**os.environ, **own, **ports}


def test_processes_of_a_tree_are_written_down_for_whoever_looks(live_tree):
    told = json.loads((live_tree.data / "processes.json").read_text())
    assert all(psutil.pid_exists(pid) for pid in told.values())
