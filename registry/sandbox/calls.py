"""A filter of system calls for a cell: what no model needs, and what would reach around the other walls.

Refused are new namespaces (root's cells could otherwise make them), mounts, other processes' memory, kernel
modules and keys, rings that do calls unseen, sockets other than Unix ones, the machine's clock and name, and
memory that no limit counts (memfd, System V shared memory). Everything else stays open: this narrows the
kernel, it does not describe a program. Other programs are refused from inside, once the interpreter runs.
"""

from __future__ import annotations

import errno
import platform
from dataclasses import dataclass

from scoring.seal import ALLOW, ARCHITECTURE, AUDIT, EQUAL, FAIL, KILL, LOAD, NUMBER, RETURN, step

NAMESPACES = 0x7E020000
"""Every CLONE_NEW* flag that `clone` takes."""

_AT_LEAST, _ANY_BIT = 0x35, 0x45
"""The kernel's numbers of these steps (linux/bpf_common.h)."""
_FIRST_ARGUMENT = 16
"""Where `struct seccomp_data` has it."""
_OTHER_ABI = 0x40000000
"""The bit of x32's calls: the same kernel by other numbers, which no rule here names."""
_AF_UNIX = 1
"""The one family of sockets that a cell may open."""

SINCE_2019 = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_getfd": 438,
    "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443, "memfd_secret": 447,
    "process_mrelease": 448,
}  # fmt: skip
CLONE3 = 435


@dataclass(frozen=True, slots=True)
class Machine:
    """One architecture's numbers of the calls."""

    clone: int
    socket: int
    refused: dict[str, int]


MACHINES = {
    "x86_64": Machine(
        clone=56,
        socket=41,
        refused={
            "shmget": 29, "shmat": 30, "semget": 64, "msgget": 68, "ptrace": 101, "syslog": 103,
            "pivot_root": 155, "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166,
            "swapon": 167, "swapoff": 168, "reboot": 169, "iopl": 172, "ioperm": 173, "init_module": 175,
            "delete_module": 176, "quotactl": 179, "clock_settime": 227, "mq_open": 240, "kexec_load": 246,
            "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272, "perf_event_open": 298,
            "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308,
            "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313,
            "memfd_create": 319, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
            "personality": 135, "sysfs": 139, "vhangup": 153, "modify_ldt": 154, "adjtimex": 159,
            "sethostname": 170, "setdomainname": 171,
            "lookup_dcookie": 212, "remap_file_pages": 216, "migrate_pages": 256, "vmsplice": 278,
            "move_pages": 279, "clock_adjtime": 305,
        },
    ),
    "aarch64": Machine(
        clone=220,
        socket=198,
        refused={
            "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "quotactl": 60, "acct": 89,
            "unshare": 97, "kexec_load": 104, "init_module": 105, "delete_module": 106, "clock_settime": 112,
            "syslog": 116, "ptrace": 117, "reboot": 142, "settimeofday": 170, "mq_open": 180, "msgget": 186,
            "semget": 190, "shmget": 194, "shmat": 196, "add_key": 217, "request_key": 218, "keyctl": 219,
            "swapon": 224, "swapoff": 225, "perf_event_open": 241, "fanotify_init": 262,
            "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270,
            "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "memfd_create": 279, "bpf": 280,
            "userfaultfd": 282, "kexec_file_load": 294, "lookup_dcookie": 18, "vhangup": 58, "vmsplice": 75,
            "personality": 92, "sethostname": 161, "setdomainname": 162, "adjtimex": 171,
            "remap_file_pages": 234, "migrate_pages": 238, "move_pages": 239, "clock_adjtime": 266,
        },
    ),
}  # fmt: skip


def program(machine: str = platform.machine()) -> bytes:
    """The filter as bubblewrap takes it, an array of `struct sock_filter`; empty for an unknown machine."""
    known = MACHINES.get(machine)
    if known is None:
        return b""
    refused = sorted({**known.refused, **SINCE_2019}.values())
    steps = [
        step(LOAD, ARCHITECTURE),
        step(EQUAL, AUDIT[machine], 1, 0),
        step(RETURN, KILL),
        step(LOAD, NUMBER),
        step(_AT_LEAST, _OTHER_ABI, 0, 1),
        step(RETURN, FAIL | errno.ENOSYS),
        # glibc falls back to clone, whose flags a filter can see
        step(EQUAL, CLONE3, 0, 1),
        step(RETURN, FAIL | errno.ENOSYS),
        *(one for number in refused for one in _fails(number)),
        step(EQUAL, known.clone, 0, 4),
        step(LOAD, _FIRST_ARGUMENT),
        step(_ANY_BIT, NAMESPACES, 0, 1),
        step(RETURN, FAIL | errno.EPERM),
        step(RETURN, ALLOW),
        step(EQUAL, known.socket, 0, 3),
        step(LOAD, _FIRST_ARGUMENT),
        step(EQUAL, _AF_UNIX, 1, 0),
        step(RETURN, FAIL | errno.EAFNOSUPPORT),
        step(RETURN, ALLOW),
    ]
    return b"".join(steps)


def _fails(number: int) -> tuple[bytes, bytes]:
    return step(EQUAL, number, 0, 1), step(RETURN, FAIL | errno.EPERM)
