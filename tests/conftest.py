"""What every test may ask for: servers, databases, the running product, and what this machine lacks."""

from __future__ import annotations

import os
import shutil
import tempfile
from asyncio.events import _get_running_loop, _set_running_loop
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from coverage import Coverage
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from registry.sandbox.errors import NoSandbox
from releases import dataplane
from scoring.runtime import locales
from tests import databases, live
from tests.fuzz.amount import SOAK, SUITE
from tests.servers import S3Server, Servers
from tests.web import world as worlds

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pytest_django.fixtures import SettingsWrapper

PACKAGES = {"chromium": "chromium", "bwrap": "bubblewrap", "caddy": "caddy", locales.LOCALE: "locales"}
SERVERS = pytest.StashKey[Servers]()
TREES = {"live_tree": "live tree", "demo": "demo"}
"""Fixture -> the group of tests that use it. Two trees have a worker each."""

# Coverage doubles what a test costs. What the third case of a test and the hundredth making of a world run
# has long been seen; only where all branches of what decides are to be taken does each case count.
MEASURED = pytest.StashKey[bool]()
SETUPS = pytest.StashKey[Counter[object]]()
DECIDING = ("gates", "releases", "rollout", "statistics")
"""Of tests/unit."""
COVERING = ("api", "registry", "releases", "unit", "web")
"""The others ask processes of their own."""
SEEN_ELSEWHERE = {
    "api": {"access", "bodies", "policy_proposals", "readers_of_one_model", "returns", "schema"},
    "releases": {
        *("asked_and_given_up", "counters_move", "every_guard", "evidence_over_time", "guards", "joining"),
        *("outcomes_decide", "policy_changes", "returns", "reviews", "rollouts", "rollouts_by_stages"),
        *("several_versions", "steering"),
    },
    "web": {
        *("access", "api_page", "assets", "compare_page", "doors", "headers", "hostile_names", "lists"),
        *("login", "opening", "pages", "queries", "release_page", "rollout_page", "session_ends"),
    },
}
"""Modules that take half of the time, and of whose branches others take all but one in a hundred."""
FIRST_CASES, FIRST_SETUPS = 2, 10


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgres", action="store_true", help="run on PostgreSQL, a private one if none is given"
    )
    parser.addoption("--soak", action="store_true", help="the long figures")
    parser.addoption("--seconds", type=int, default=600, help="how long each load of the long figures lasts")
    parser.addoption("--seed", type=int, default=None, help="replay one run")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SERVERS] = _servers(config)
    for profile in (SUITE, SOAK):  # a machine may be busy: how long one example takes says nothing
        hypothesis_settings.register_profile(
            profile, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        )
    hypothesis_settings.load_profile(SOAK if config.getoption("--soak") else SUITE)
    if config.getoption("--postgres") or os.environ.get("ASSAY_TEST_DATABASE_URL"):
        databases.use(config.stash[SERVERS].postgres_url())


def pytest_configure_node(node) -> None:
    """xdist: the workers share the servers of the process that started them."""
    node.workerinput["servers"] = str(_folder(node.config)), os.getpid()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(_folder(config), ignore_errors=True)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Hostile documents are long: a test's name has their beginning."""
    return ascii(val[:40]) if isinstance(val, str | bytes) and len(val) > 80 else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares something that is dear to start stays on one xdist worker: a tree, or what a module has."""
    cases = Counter[tuple[Path, str]]()
    for item in items:
        if group := _group(item):
            item.add_marker(pytest.mark.xdist_group(group))
        test = item.path, item.name.partition("[")[0]
        cases[test] += 1
        item.stash[MEASURED] = _is_measured(item.path, cases[test])


def _is_measured(path: Path, case: int) -> bool:
    where, *inner = path.relative_to(Path(__file__).parent).with_suffix("").parts
    if where == "unit" and (len(inner) == 1 or inner[0] in DECIDING):
        return True
    seen = inner[-1].removeprefix("test_") in SEEN_ELSEWHERE.get(where, ())
    return where in COVERING and not seen and case <= FIRST_CASES


def _group(item: pytest.Item) -> str | None:
    fixtures = getattr(item, "fixturenames", ())
    for fixture, group in TREES.items():
        if fixture in fixtures:
            return group
    marked = item.get_closest_marker("xdist_group")
    if marked:
        return str(marked.args[0])
    shared = item._fixtureinfo.name2fixturedefs.values()
    return item.nodeid.partition("::")[0] if any(one[-1].scope == "module" for one in shared) else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Two trees on one Redis would take each other's tasks: a group that xdist did not see ends the run."""
    if hasattr(session.config, "workerinput") and session.config.getoption("loadgroup", False):
        for item in session.items:
            if item.get_closest_marker("xdist_group") and "@" not in item.nodeid:
                raise pytest.UsageError(f"pytest-xdist does not keep {item.nodeid} in its group")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    with nullcontext() if item.stash[MEASURED] else _unmeasured():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request: pytest.FixtureRequest) -> Iterator[None]:
    if fixturedef.argname == "_django_db_helper":  # what is first of all of pytest-django's for one test
        request.getfixturevalue("django_db_setup")
        databases.require(_world_of(request))
    setups = request.session.stash.setdefault(SETUPS, Counter())
    setups[fixturedef.func] += 1
    with nullcontext() if setups[fixturedef.func] <= FIRST_SETUPS else _unmeasured():
        return (yield)


def _world_of(request: pytest.FixtureRequest) -> databases.Build | None:
    room = request.path.relative_to(Path(__file__).parent).parts[0]
    return worlds.build if room in ("browser", "web") and "world" in request.fixturenames else None


@contextmanager
def _unmeasured() -> Iterator[None]:
    covering = Coverage.current()
    if covering is None:
        yield
        return
    covering.stop()
    try:
        yield
    finally:
        covering.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    if item.get_closest_marker("soak") and not item.config.getoption("--soak"):
        pytest.skip("only with --soak")
    for marker, program in (("browser", "chromium"), ("isolated", "bwrap")):
        if item.get_closest_marker(marker) and not shutil.which(program):
            pytest.skip(f"needs {program}")
    if item.get_closest_marker("locale") and not locales.has():
        pytest.skip(f"needs {locales.LOCALE}")
    with _skipped_without_bubblewrap(), _without_playwrights_loop(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with _skipped_without_bubblewrap(), _without_playwrights_loop(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    with _without_playwrights_loop(item):
        result = yield
    for fixture, group in TREES.items():
        if _group(item) == group and (nextitem is None or _group(nextitem) != group):
            _end(item, fixture)
    return result


def _end(item: pytest.Item, fixture: str) -> None:
    """End a session's fixture now: a tree that nobody uses any more takes a fifth of a core from the rest."""
    for definition in item.session._fixturemanager._arg2fixturedefs.get(fixture, ()):
        definition.finish(item._request)


@contextmanager
def _skipped_without_bubblewrap() -> Iterator[None]:
    """What asks for walls that this machine cannot build is not a failure; the end of the run names it."""
    try:
        yield
    except NoSandbox:
        if shutil.which("bwrap"):
            raise
        pytest.skip("needs bwrap")


@contextmanager
def _without_playwrights_loop(item: pytest.Item) -> Iterator[None]:
    """playwright's loop counts as running in this thread between its calls: hide it from other tests.

    Where a loop runs, async views under test refuse to, and Django keeps other connections.
    """
    if "playwright" in getattr(item, "fixturenames", ()):
        yield
        return
    loop = _get_running_loop()
    _set_running_loop(None)
    try:
        yield
    finally:
        _set_running_loop(loop)


def pytest_terminal_summary(terminalreporter) -> None:
    """Say at the end what did not run and the line that would let it run."""
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    tools = sorted(name for name in PACKAGES if any(f"needs {name}" in text for text in reasons))
    missing = [PACKAGES[name] for name in tools]
    if missing:
        terminalreporter.section("not run", red=True, bold=True)
        terminalreporter.line(f"Tests that need {' and '.join(missing)} did not run. As root:")
        terminalreporter.line(f"  ASSAY_INSTALL=1 deploy/system-tools.sh {' '.join(tools)}")


@pytest.fixture(scope="session")
def browser(browser: Browser) -> Iterator[Browser]:
    """pytest-playwright's own, which needs its loop to close itself after a test that does without."""
    loop = _get_running_loop()
    yield browser
    _set_running_loop(loop)


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Servers:
    return request.config.stash[SERVERS]


@pytest.fixture(scope="session")
def postgres_url(servers: Servers) -> str:
    """A cluster in which a test may make databases (tests.databases.fresh_postgres)."""
    return servers.postgres_url()


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    """A real Valkey, shared by the run: use key names of your own."""
    return servers.redis_url()


@pytest.fixture
def broker(redis_url: str, settings: SettingsWrapper) -> Iterator[str]:
    """The address of the installation's Redis, which carries what nodes say."""
    settings.REDIS_URL = redis_url
    dataplane.client.cache_clear()
    yield redis_url
    dataplane.client.cache_clear()


@pytest.fixture(scope="session")
def s3_server(servers: Servers) -> S3Server:
    """A real S3, shared by the run: use a bucket of your own."""
    return servers.s3()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock(), databases.restored_after_transactional_tests():
        yield


@pytest.fixture(scope="session")
def live_tree(request: pytest.FixtureRequest, servers: Servers) -> Iterator[live.LiveTree]:
    """The product on SQLite, Valkey and a folder of its own; with --postgres on PostgreSQL, Redis and S3."""
    given = live.redis_and_s3(servers) if _on_postgres(request.config) else {}
    given["ASSAY_BENCHMARK_SECONDS"] = "1"
    with _running(request.config, servers, **given) as tree:
        yield tree


@pytest.fixture(scope="session")
def demo(request: pytest.FixtureRequest, servers: Servers) -> Iterator[live.Demo]:
    """The whole journey, played once in a tree of its own for all who want to see it or what it leaves."""
    with _running(request.config, servers) as tree:
        yield live.play_demo(tree)


@contextmanager
def _running(config: pytest.Config, servers: Servers, **given: str) -> Iterator[live.LiveTree]:
    if not _on_postgres(config):
        with live.running(**given) as tree:
            yield tree
        return
    with (
        databases.fresh_postgres(servers.postgres_url()) as url,
        live.running(DATABASE_URL=url, **given) as tree,
    ):
        yield tree


def _on_postgres(config: pytest.Config) -> bool:
    return bool(config.getoption("--postgres") or os.environ.get("ASSAY_TEST_DATABASE_URL"))


@pytest.fixture(scope="session")
def soak(request: pytest.FixtureRequest) -> bool:
    """True for the long figures of `make soak`."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture(scope="session")
def seconds(request: pytest.FixtureRequest) -> int:
    """How long each load of the long figures lasts."""
    return int(request.config.getoption("--seconds"))


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """What a randomised test starts from; --seed replays it."""
    return int(request.config.getoption("--seed") or 20261121)


def _servers(config: pytest.Config) -> Servers:
    given = getattr(config, "workerinput", {}).get("servers")
    return Servers(Path(given[0]), given[1]) if given else Servers(_folder(config), os.getpid())


def _folder(config: pytest.Config) -> Path:
    if not hasattr(config, "_servers_folder"):
        config._servers_folder = Path(tempfile.mkdtemp(prefix="assay-servers-"))
    return config._servers_folder
