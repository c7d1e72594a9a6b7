"""The image's steps and the compose file's commands, as far as a machine without an engine can play them.

One after the other: build the image, start every service with the words, the user, the volumes and the
variables of its container, and use the product as people do: through the proxy.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.containers import compose, dockerfile
from tests.containers.machine import NoMachine, machine
from tests.containers.running import ROOT, Composed

SECRETS = {
    "POSTGRES_PASSWORD": "a-long-password",
    "ASSAY_SECRET_KEY": "x" * 50,
    "AWS_ACCESS_KEY_ID": "compose",
    "AWS_SECRET_ACCESS_KEY": "compose-secret",
    "ASSAY_PROXY_ADDRESS": "127.0.0.1",
}
OURS = ("prepare", "web", "control", "proving", "mail", "beat", "scoring", "grpc")
STRANGER, COLLEAGUE = "127.0.0.2", "127.0.0.3"
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("containers"),
]


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Iterator[Composed]:
    """The image, built step by step; the services are known and none is started."""
    shared = tmp_path_factory.mktemp("shared")
    services = compose.services(ROOT / "docker-compose.yml", SECRETS)
    services["alone"] = {"volumes": ["alone:/data"]}
    with ExitStack() as stack:
        try:
            made = stack.enter_context(machine(tmp_path_factory.mktemp("machine"), shared))
        except NoMachine:
            pytest.skip("needs root, namespaces and overlay mounts")
        built = dockerfile.build(made, ROOT, shared)
        services["alone"] |= {"command": built.command, "healthcheck": {"test": ["CMD", *built.healthcheck]}}
        made.run(
            ["sh", "-c", f"echo 127.0.0.1 localhost {' '.join(services)} > /etc/hosts"], built.environment
        )
        yield Composed(made, built, shared, services, tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def composed(image) -> Iterator[Composed]:
    """Every service of the compose file, started with its own words and healthy by its own question."""
    with ExitStack() as stack:
        for start in (image.postgres, image.redis, image.s3):
            stack.enter_context(start())
        with image.started("prepare") as prepared:
            assert prepared.wait(timeout=120) == 0, image.log("prepare")
        for name in OURS[1:]:
            stack.enter_context(image.started(name))
        for name in OURS[1:]:
            image.wait_for_health(name)
        yield image


def test_the_image_alone_is_the_whole_product(image):
    assert image.image.user != 0
    with image.started("alone"):
        image.wait_for_health("alone")


def test_every_service_is_healthy_when_it_works(composed):
    """The fixture has waited for each one's own question; a role that asks none is at least there."""
    asked = {name for name in OURS if "test" in composed.services[name].get("healthcheck", {})}
    assert asked == set(OURS) - {"prepare", "beat"}
    assert "beat: Starting" in composed.log("beat")


def test_a_service_that_ended_is_not_healthy(composed):
    grpc = composed.services["grpc"]["healthcheck"]["test"][1:]
    nobody = [word.replace("8002", "8003") for word in grpc]
    with pytest.raises(AssertionError):
        composed.inside("grpc", nobody)


def test_the_proving_service_has_cells(composed):
    told = composed.inside(
        "proving", ["python", "-c", "from registry import sandbox; print(sandbox.level())"]
    )
    assert "isolated=True" in told


def test_the_proxy_names_the_client_and_nobody_else_does(composed):
    """Wrong passwords shut out who typed them: not others behind the proxy, and no forged address helps."""
    if not shutil.which("caddy"):
        pytest.skip("needs caddy")
    with composed.proxy():
        assert composed.client("guess", STRANGER, "http://proxy", "ada")["last"] == 429
        assert composed.client("once", COLLEAGUE, "http://proxy", "ada")["first"] == 422
    assert composed.client("guess", STRANGER, "http://web:8000", "ada")["last"] == 429
