"""What a program in a cell can see and reach: next to nothing."""

from __future__ import annotations

import json
import os
import socket
import sys

import pytest

from registry.sandbox import Mount, command, level, run


def told(finished):
    assert finished.ok, finished.stderr.decode()
    return json.loads(finished.stdout)


def test_this_machine_isolates():
    assert level().isolated, level().sentence


def test_there_is_no_network(inside):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        finished = inside(f"""
            import json, os, socket
            outcomes = []
            for place in [("127.0.0.1", {server.getsockname()[1]}), ("192.0.2.1", 80)]:
                try:
                    socket.create_connection(place, timeout=2).close()
                    outcomes.append("connected")
                except OSError as error:
                    outcomes.append(type(error).__name__)
            print(json.dumps([outcomes, [name for _, name in socket.if_nameindex()]]))
        """)
        outcomes, interfaces = told(finished)

    assert "connected" not in outcomes
    assert interfaces == ["lo"]


def test_there_is_no_environment_of_ours(inside, monkeypatch):
    monkeypatch.setenv("ASSAY_SECRET_KEY", "very secret")

    environment = told(inside("import json, os; print(json.dumps(dict(os.environ)))"))

    assert not [name for name in environment if name.startswith(("ASSAY", "AWS", "DATABASE"))]
    assert environment["ORT_DISABLE_TELEMETRY"] == "1"
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "1"


def test_there_is_no_file_but_interpreter_code_and_mounts(inside, tmp_path):
    home, secret = os.path.expanduser("~"), tmp_path / "secret"
    secret.write_text("very secret")
    lent = tmp_path / "lent.txt"
    lent.write_text("lent")

    seen = told(
        inside(
            f"""
            import json, os
            print(json.dumps({{
                "top": sorted(os.listdir("/")),
                "secret": os.path.exists({str(secret)!r}),
                "home": os.path.exists({home!r}) and os.listdir({home!r}),
                "code": sorted(os.listdir("/assay")),
                "lent": open("/run/assay/lent.txt").read(),
                "etc": os.listdir("/etc"),
            }}))
            """,
            mounts=[Mount(lent, "/run/assay/lent.txt")],
        )
    )

    assert seen["secret"] is False
    assert seen["home"] in (False, [], [".pyenv"])
    assert set(seen["code"]) <= {"scoring", "registry", "releases"}
    assert seen["lent"] == "lent"
    assert seen["etc"] == ["ld.so.cache"]
    assert "var" not in seen["top"]


def test_nothing_can_be_written_but_its_own_tmp_and_what_is_lent_for_it(inside, tmp_path):
    kept, shown = tmp_path / "kept", tmp_path / "shown"
    kept.mkdir()
    shown.mkdir()

    writable = told(
        inside(
            f"""
            import json, os
            places = ["/", "/tmp", "/dev", "/dev/shm", "/usr", "/proc", "/assay", "/assay/registry", "/etc",
                      "/run/kept", "/run/shown", {sys.prefix!r}, {sys.base_prefix!r}]
            written = []
            for place in places:
                try:
                    open(os.path.join(place, "x"), "w").close()
                    written.append(place)
                except OSError:
                    pass
            print(json.dumps(written))
            """,
            mounts=[Mount(kept, "/run/kept", writable=True), Mount(shown, "/run/shown")],
        )
    )

    assert writable == [command.SCRATCH, "/run/kept"]
    assert [path.name for path in kept.iterdir()] == ["x"]
    assert list(shown.iterdir()) == []


def test_no_other_process_can_be_seen_or_signalled(inside):
    seen = told(
        inside(f"""
            import json, os
            pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
            try:
                os.kill({os.getpid()}, 0)
                found = True
            except OSError:
                found = False
            print(json.dumps([len(pids), found, open("/proc/1/cmdline").read()]))
        """)
    )

    processes, found, command_line = seen
    assert processes <= 3
    assert found is False
    assert "--ro-bind" not in command_line


def test_it_is_an_ordinary_user_without_capabilities(inside):
    status = told(
        inside("""
            import json, os
            lines = open("/proc/self/status").read().splitlines()
            fields = dict(line.split(":", 1) for line in lines if ":" in line)
            wanted = ("CapPrm", "CapEff", "CapBnd", "NoNewPrivs")
            print(json.dumps([os.getuid(), {name: fields[name].strip() for name in wanted}]))
        """)
    )

    user, fields = status
    assert user not in (0, os.getuid() or None)
    assert fields["NoNewPrivs"] == "1"
    assert {int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")} == {0}


def test_our_own_modules_run_inside(quick):
    finished = run(
        [sys.executable, "-c", "import registry.sandbox, scoring.types; print('here')"], limits=quick
    )

    assert finished.stdout == b"here\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root cannot forbid user namespaces without a filter of calls")
def test_no_namespace_can_be_made_inside(inside):
    outcome = inside("import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))")

    assert outcome.stdout == b"-1\n"
