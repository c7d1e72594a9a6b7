"""The paths beside scoring itself: health, metadata, feedback, metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol
from urllib.parse import unquote

import orjson

from formats.plan import EVERY_MODEL
from formats.types import TensorSpec
from scoring.errors import (
    BadRequest,
    MethodNotAllowed,
    NotOpen,
    NotReady,
    UnknownModel,
    UnknownRoute,
    UnknownVersion,
)
from scoring.protocols import triton
from scoring.protocols.feedback import Ranges
from scoring.protocols.written import JSON
from scoring.worker.access import permit
from scoring.worker.engine import score
from scoring.worker.exchange import Exchange, Version
from scoring.worker.http import answer
from scoring.worker.picture import BrokenVersion, ModelView, Picture

PLATFORM = "onnx_onnxv1"
EXTENSIONS = ["binary_tensor_data", "model_configuration", "statistics"]
VERSION = "2"
MLFLOW_PROTOCOL = b"2.0.0"
"""The MLflow whose scoring protocol this is: what its own server would say of itself."""


class Upstream(Protocol):
    """The node process, which keeps what all its workers share."""

    def metrics(self, exchange: Exchange) -> None: ...

    def feedback(self, exchange: Exchange, ranges: Ranges) -> None: ...

    def statistics(self, exchange: Exchange, versions: Iterable[tuple[str, int]]) -> None: ...


class NodeRoutes:
    """Finds the answer for a path that is not in the plan's table of endpoints."""

    def __init__(self, worker: bytes, upstream: Upstream, most_rows: int) -> None:
        """`most_rows` are the rows that run together at most."""
        self._worker = worker
        self._most_rows = most_rows
        self._upstream = upstream

    def handle(self, picture: Picture, exchange: Exchange) -> None:
        """Raises UnknownRoute, UnknownModel, UnknownVersion, MethodNotAllowed, NotOpen, NotReady."""
        head = exchange.head
        path, _, _ = head.target.partition(b"?")
        parts = _parts(path)
        if parts == ["feedback"]:
            _only(head.method, b"POST")
            permit(picture.access.token(head.authorization), "feedback")
            self._upstream.feedback(exchange, picture.ranges)
        elif parts == ["metrics"]:
            _only(head.method, b"GET")
            self._upstream.metrics(exchange)
        elif parts[0] == "v2":
            self._protocol(picture, exchange, parts[1:])
        elif parts[0] in {"score", "invocations"} and len(parts) == 2:
            self._score(picture, exchange, parts[1], f"/{parts[0]}/{parts[1]}")
        elif parts[0] == "mlflow" and len(parts) == 3:
            self._mlflow(picture, exchange, parts[1], parts[2])
        else:
            raise _unknown(path)

    def _protocol(self, picture: Picture, exchange: Exchange, parts: Sequence[str]) -> None:
        if parts == ["models", "stats"] and "stats" not in picture.models:
            self._all_statistics(picture, exchange)
            return
        if parts[:1] == ["models"] and len(parts) >= 2:
            self._model(picture, exchange, parts[1], parts[2:])
            return
        documents: Mapping[str, Callable[[], object]] = {
            "": lambda: {"name": "assay", "version": VERSION, "extensions": EXTENSIONS},
            "health/live": lambda: {"live": True},
            "health/ready": lambda: _ready(picture),
        }
        document = documents.get("/".join(parts))
        if document is None:
            raise _unknown(exchange.head.target)
        _only(exchange.head.method, b"GET")
        self._finish(exchange, document())

    def _model(self, picture: Picture, exchange: Exchange, name: str, rest: Sequence[str]) -> None:
        number = None
        if rest[:1] == ["versions"] and len(rest) >= 2:
            number, rest = _number(rest[1]), rest[2:]
        if rest == ["infer"]:
            version = "" if number is None else f"/versions/{number}"
            self._score(picture, exchange, name, f"/v2/models/{name}{version}/infer", number)
            return
        if rest not in ([], ["ready"], ["config"], ["stats"]):
            raise _unknown(exchange.head.target)
        _only(exchange.head.method, b"GET")
        token = picture.access.token(exchange.head.authorization)
        permit(token, "score" if number is None else "score-version", name)
        view = _view(picture, name)
        self._about(exchange, view, number, rest[0] if rest else "")

    def _about(self, exchange: Exchange, view: ModelView, number: int | None, what: str) -> None:
        version = _version(view, number)
        if what == "stats":
            self._upstream.statistics(exchange, [(view.name, n) for n in _numbers(view, number)])
        elif what == "config":
            batching = not isinstance(version, BrokenVersion) and version.batcher.batching
            self._finish(
                exchange,
                triton.config(view.name, version.signature, most_rows=self._most_rows, batching=batching),
            )
        elif what == "ready":
            if isinstance(version, BrokenVersion):
                raise version.error()
            self._finish(exchange, {"name": view.name, "ready": True})
        else:
            self._finish(exchange, _metadata(view, version, number))

    def _all_statistics(self, picture: Picture, exchange: Exchange) -> None:
        """Of every model that the caller may score. One that is named `stats` is asked for itself."""
        _only(exchange.head.method, b"GET")
        token = picture.access.token(exchange.head.authorization)
        permit(token, "score")
        mine = [view for name, view in picture.models.items() if {EVERY_MODEL, name} & token.models]
        versions = [(view.name, number) for view in mine for number in _numbers(view, None)]
        self._upstream.statistics(exchange, versions)

    def _mlflow(self, picture: Picture, exchange: Exchange, name: str, call: str) -> None:
        """A model as MLflow's scoring client sees a server: it takes this path for the whole address."""
        if call == "invocations":
            self._score(picture, exchange, name, f"/mlflow/{name}/invocations")
            return
        if call not in {"ping", "health", "version"}:
            raise _unknown(exchange.head.target)
        _only(exchange.head.method, b"GET")
        permit(picture.access.token(exchange.head.authorization), "score", name)
        version = _version(_view(picture, name), None)
        if isinstance(version, BrokenVersion):
            raise version.error()
        self._answer(exchange, MLFLOW_PROTOCOL if call == "version" else b"\n", b"text/plain")

    def _score(
        self, picture: Picture, exchange: Exchange, name: str, canonical: str, number: int | None = None
    ) -> None:
        _only(exchange.head.method, b"POST")
        endpoint = picture.endpoints.get(canonical.encode())
        if endpoint is None:
            token = picture.access.token(exchange.head.authorization)
            permit(token, "score" if number is None else "score-version", name)
            _version(_view(picture, name), number)
            raise NotReady(f"{name!r} cannot be scored on this node now")
        score(picture, endpoint, exchange)

    def _finish(self, exchange: Exchange, document: object) -> None:
        self._answer(exchange, orjson.dumps(document), JSON)

    def _answer(self, exchange: Exchange, body: bytes, content_type: bytes) -> None:
        keep_alive = exchange.head.keep_alive
        reply = answer(200, body, worker=self._worker, keep_alive=keep_alive, content_type=content_type)
        exchange.finish(reply)


def _parts(path: bytes) -> list[str]:
    try:
        return [unquote(part.decode("ascii"), errors="strict") for part in path.strip(b"/").split(b"/")]
    except UnicodeDecodeError:
        raise BadRequest("the path is not percent-encoded UTF-8") from None


def _only(method: bytes, allowed: bytes) -> None:
    if method != allowed and not (allowed == b"GET" and method == b"HEAD"):
        raise MethodNotAllowed(f"this path takes {allowed.decode()}")


def _ready(picture: Picture) -> object:
    if not picture.ready:
        raise NotReady("this node has not yet loaded what its plan names")
    return {"ready": True}


def _view(picture: Picture, name: str) -> ModelView:
    view = picture.models.get(name)
    if view is None:
        raise UnknownModel(f"there is no model {name!r} in this environment")
    if view.waiting:
        raise NotReady(f"the versions of {name!r} are still loading on this node")
    return view


def _version(view: ModelView, number: int | None) -> Version:
    if number is not None:
        if number not in view.versions:
            raise UnknownVersion(f"version {number} of {view.name!r} is not live and not rolling out")
        return view.versions[number]
    if not view.answering:
        raise NotOpen(f"no version of {view.name!r} is open to clients now")
    return view.answering[-1]


def _numbers(view: ModelView, number: int | None) -> list[int]:
    """The version that is named, or those that answer clients."""
    return sorted({each.told for each in view.answering}) if number is None else [number]


def _metadata(view: ModelView, version: Version, number: int | None) -> dict[str, object]:
    return {
        "name": view.name,
        "versions": [str(each) for each in _numbers(view, number)],
        "platform": PLATFORM,
        "inputs": [_tensor(spec) for spec in version.signature.inputs],
        "outputs": [_tensor(spec) for spec in version.signature.outputs],
    }


def _tensor(spec: TensorSpec) -> dict[str, object]:
    told: dict[str, object] = {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}
    return {**told, "optional": True} if spec.optional else told


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UnknownVersion(f"{text!r} is not a version's number")
    return int(text)


def _unknown(path: bytes) -> UnknownRoute:
    return UnknownRoute(f"there is nothing at {path[:200].decode(errors='replace')}")
