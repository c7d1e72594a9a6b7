"""What a cell is made of: an interpreter, the packages that we run in it, and the libraries they link with.

No shell and no program but the interpreter: whoever breaks out of a graph finds nothing to go on with.
"""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from registry.sandbox.limits import Mount

DISTRIBUTIONS = (
    *("google", "httptools", "ml_dtypes", "msgspec", "numpy", "numpy.libs", "onnx", "onnxruntime", "orjson"),
    *("scipy", "scipy.libs", "typing_extensions.py", "uvloop", "yaml", "_yaml"),
    *("sklearn", "scikit_learn.libs", "joblib", "narwhals", "threadpoolctl.py"),
)
"""Everything that our modules import inside, by the name under which it is installed."""
SHOWN = ("/etc/ld.so.cache", "/sys/devices/system/cpu", "/usr/lib/locale", "/usr/lib64")
"""How libraries are found, what the runtime asks of processors, and how texts change their case."""
LINKS = ("/lib", "/lib32", "/lib64", "/libx32")
STEPPER = "/usr/bin/setpriv"
STARTER = "/usr/bin/env"


@cache
def parts() -> tuple[Mount, ...]:
    """All of it at the places where this process has it."""
    return (*_interpreter(), *_packages(), *(Mount(Path(place), place) for place in _libraries()))


def programs(again: bool) -> tuple[Mount, ...]:
    """The programs beside the interpreter: as root the one that makes an ordinary user, and where the
    interpreter may start itself `again`, the one that it is started by."""
    wanted = [STEPPER] * (os.geteuid() == 0) + [STARTER] * again
    return tuple(Mount(Path(place), place) for place in wanted)


def links() -> Iterator[tuple[str, str]]:
    """Places such as /lib that are links into /usr: (what it says, where it stands)."""
    for link in LINKS:
        if os.path.islink(link):
            yield os.readlink(link), link


def _interpreter() -> Iterator[Mount]:
    """The executable under its own name and the one by which we call it; the standard library."""
    real = Path(sys.executable).resolve()
    for place in dict.fromkeys((str(real), sys.executable)):
        yield Mount(real, place)
    library = os.path.dirname(os.__file__)
    yield Mount(Path(library), library)
    if (settings := Path(sys.prefix) / "pyvenv.cfg").is_file():
        yield Mount(settings, str(settings))


def _packages() -> Iterator[Mount]:
    for folder in site.getsitepackages():
        found = (Path(folder) / name for name in DISTRIBUTIONS)
        yield from (Mount(path, str(path)) for path in found if path.exists())


def _libraries() -> list[str]:
    """Where the libraries lie that this very process has mapped: the system's folders of libraries.

    A library beside other things of the interpreter is shown alone.
    """
    mapped = {Path(path) for path in _mapped() if ".so" in os.path.basename(path)}
    own = [path for path in mapped if path.name.startswith("libpython")]
    ours = (os.path.dirname(os.__file__), *site.getsitepackages())
    folders = {
        str(path.parent) for path in mapped if path not in own and not str(path).startswith(tuple(ours))
    }
    folders |= {link for link in LINKS if os.path.isdir(link) and not os.path.islink(link)}
    alone = {str(path) for path in own if str(path.parent) not in folders}
    return sorted(folders | alone)


def _mapped() -> Iterator[str]:
    with open("/proc/self/maps") as lines:
        for line in lines:
            words = line.split(maxsplit=5)
            if len(words) == 6 and words[5].startswith("/"):
                yield words[5].rstrip("\n")
