from __future__ import annotations

import pytest

from tests.scoring import models
from tests.scoring.doors import GrpcDoor
from tests.scoring.nodes import Node, Store, arms, model
from tests.scoring.telling import Told
from tests.scoring.valkey import Valkey


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("scoring")


@pytest.fixture(scope="session")
def store(place):
    return Store(place / "store")


@pytest.fixture(scope="session")
def node(place, store):
    """A node of two workers with the versions that most tests speak to."""
    node = Node(place, store).start()
    try:
        node.serve(
            {
                "linear": model(
                    1, [store.version(1, models.linear()), store.version(2, models.linear((1.0, 2.0), 0.5))]
                ),
                "split": model(
                    1,
                    [store.version(1, models.constant(1.0)), store.version(2, models.constant(2.0))],
                    arms((2, 0.5), (1, 0.5)),
                ),
                "scaled": model(
                    1,
                    [
                        store.version(
                            1,
                            models.linear((1.0, 1.0), name="z"),
                            models.scaler(),
                            features={"raw": ("height", "width")},
                        )
                    ],
                ),
                "types": model(1, [store.version(1, models.everything(), batchable=False)]),
                "zip": model(1, [store.version(1, models.classifier(zipmap=True))]),
                "plain": model(1, [store.version(1, models.classifier(zipmap=False))]),
                "failing": model(1, [store.version(1, models.failing())]),
                "divider": model(1, [store.version(1, models.divider())]),
                "scalar": model(1, [store.version(1, models.echo_of(models.FLOAT, []), rows="requests")]),
                "closed": model(1, [store.version(1, models.linear())], split=()),
            }
        )
        yield node
    finally:
        node.stop()


@pytest.fixture
def client(node):
    client = node.client()
    yield client
    client.close()


@pytest.fixture(scope="session")
def door(node, place):
    """The node's gRPC port."""
    door = GrpcDoor(place, f"http://127.0.0.1:{node.port}").start()
    yield door
    assert door.stop() == 0, door.log.read_text()


@pytest.fixture
def valkey(tmp_path):
    server = Valkey(tmp_path / "valkey").start()
    yield server
    server.close()


@pytest.fixture
def started(tmp_path, store, valkey):
    nodes = []

    def start(*extra: str, workers: int = 2) -> Told:
        node = Node(tmp_path, store, workers=workers, extra=["--redis", valkey.url, *extra]).start()
        nodes.append(node)
        return Told(node, valkey)

    yield start
    for node in nodes:
        if not node.ended():
            node.stop()
