"""What a program in a cell can see and reach: next to nothing."""

from __future__ import annotations

import errno
import json
import os
import platform
import socket
import struct
import sys
from dataclasses import replace

import pytest

from registry.sandbox import Mount, calls, command, level, run


def told(finished):
    assert finished.ok, finished.stderr.decode()
    return json.loads(finished.stdout)


@pytest.mark.isolated
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
            devices = open("/proc/net/dev").read().splitlines()[2:]
            print(json.dumps([outcomes, [line.split(":")[0].strip() for line in devices]]))
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
    assert set(seen["code"]) <= {"formats", "scoring", "registry", "releases"}
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
    finished = run(["-c", "import registry.sandbox, formats.types; print('here')"], limits=quick)

    assert finished.stdout == b"here\n"


REFUSED = {
    "a new namespace": "libc.unshare(0x10000000)",
    "a child in a new namespace": "libc.syscall(56, 0x10000011, 0, 0, 0, 0)",
    "a mount": "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)",
    "memory that no limit counts": "libc.memfd_create(b'x', 0)",
    "shared memory of System V": "libc.shmget(0, 4096, 0o1777)",
    "another process": "libc.ptrace(16, os.getppid(), 0, 0)",
    "keys of the kernel": "libc.syscall(250, 0, -3, 0)",
    "a network socket": "libc.socket(2, 1, 0)",
    "a socket to the kernel": "libc.socket(16, 3, 0)",
    "calls of the other ABI": "libc.syscall(0x40000000 + 39)",
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86-64")
@pytest.mark.parametrize("name", REFUSED)
def test_the_kernel_is_not_offered(inside, name):
    finished = inside(f"""
        import ctypes, os
        libc = ctypes.CDLL(None)
        if {name == "a child in a new namespace"} and {REFUSED[name]} == 0:
            os._exit(0)
        print({REFUSED[name]})
    """)

    assert finished.stdout == b"-1\n", finished


def test_threads_children_and_unix_sockets_work(inside):
    told_ = told(
        inside("""
            import json, os, socket, threading
            here, there = socket.socketpair()
            there.sendall(b"x")
            thread = threading.Thread(target=lambda: None)
            thread.start()
            thread.join()
            forked = os.fork() or os._exit(7)
            print(json.dumps([here.recv(1).decode(), os.waitpid(forked, 0)[1] >> 8]))
        """)
    )

    assert told_ == ["x", 7]


STARTED = """
    import os, sys
    for name in (sys.executable, "/bin/sh", "/usr/bin/sh", "/usr/bin/env", "/usr/bin/setpriv"):
        if os.path.exists(name):
            if not (child := os.fork()):
                try:
                    os.execv(name, [name, "--version"])
                except OSError as error:
                    os._exit(error.errno)
            print(name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_no_program_can_be_started_and_there_is_no_shell_to_start(inside):
    found = dict(line.split() for line in inside(STARTED).stdout.decode().splitlines())

    assert sys.executable in found
    assert set(found) <= {sys.executable, "/usr/bin/setpriv"}
    assert set(found.values()) == {str(errno.EPERM)}


def test_a_cell_that_may_start_its_interpreter_again_finds_no_shell_either(inside, quick):
    done = inside(STARTED, replace(quick, programs=True))

    assert f"{sys.executable} 0" in done.stdout.decode()
    assert "/sh " not in done.stdout.decode()


def test_the_memory_of_the_first_program_is_hidden_from_its_children(inside, quick):
    reads = "import os; print(os.access(f'/proc/{os.getppid()}/mem', os.R_OK))"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {reads!r}])"

    assert inside(program, replace(quick, programs=True)).stdout == b"False\n"


def test_an_unknown_machine_has_no_filter_and_known_ones_jump_inside_their_program():
    assert calls.program("riscv64") == b""
    for machine in calls.MACHINES:
        steps = list(struct.iter_unpack("=HBBI", calls.program(machine)))
        returns = [code for code, _, _, _ in steps if code == 0x06]
        assert len(returns) > 40
        jumps = [(place, yes, no) for place, (code, yes, no, _) in enumerate(steps) if code & 7 == 5]
        assert all(place + 1 + max(yes, no) < len(steps) for place, yes, no in jumps)
