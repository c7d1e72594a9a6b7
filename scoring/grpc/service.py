"""The methods of the gRPC service, each a call to the node's HTTP port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn

import grpc
import orjson

from scoring.errors import BadRequest, DeadlineExceeded, NotReady, Overloaded, ScoringError
from scoring.grpc.arriving import Arrivals, Context
from scoring.grpc.statuses import RETRY_MS, code_of
from scoring.grpc.upstream import Answer, NodeGone, Upstream
from scoring.inflating import Inflating
from scoring.protocols import inference_pb2 as messages
from scoring.protocols import oip_grpc
from scoring.statuses import status_of

HEALTH = "grpc.health.v1.Health"
_SERVING, _NOT_SERVING = b"\x08\x01", b"\x08\x02"
_SENTENCE = 500
"""A status travels in a header, which proxies cut off at some kB."""
_GZIP = b"\x1f\x8b"
log = logging.getLogger(__name__)

Method = Callable[[bytes, Context], Awaitable[bytes]]


class Service:
    """Translates and passes on; tokens, routing, limits, ids and figures are the node's.

    arrivals      calls whose message is on its way.
    concurrency   calls at once; more inferences are refused before they cost the node anything.
    seconds       the longest that a call may take, whatever the client allows.
    most_bytes    the largest message, also when it is unpacked.
    most_held     all messages together that were unpacked here.
    """

    def __init__(
        self,
        upstream: Upstream,
        arrivals: Arrivals,
        *,
        concurrency: int,
        seconds: float,
        most_bytes: int,
        most_held: int,
    ) -> None:
        self._upstream, self._arrivals = upstream, arrivals
        self._concurrency = concurrency
        self._seconds = seconds
        self._most_bytes, self._most_held = most_bytes, most_held
        self._running = self._held = 0

    def handlers(self) -> list[object]:
        """What a grpc.aio server takes. Messages stay bytes, so that malformed ones get our own words."""
        methods: dict[str, Method] = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ModelReady": self.model_ready,
            "ServerMetadata": self.server_metadata,
            "ModelMetadata": self.model_metadata,
            "ModelInfer": self.model_infer,
            "ModelConfig": self.model_config,
            "ModelStatistics": self.model_statistics,
        }
        return [_handler(oip_grpc.SERVICE, self, methods), _handler(HEALTH, self, {"Check": self.check})]

    async def server_live(self, raw: bytes, context: Context) -> bytes:
        return oip_grpc.wire(messages.ServerLiveResponse(live=await self._says_yes("/v2/health/live")))

    async def server_ready(self, raw: bytes, context: Context) -> bytes:
        return oip_grpc.wire(messages.ServerReadyResponse(ready=await self._says_yes("/v2/health/ready")))

    async def check(self, raw: bytes, context: Context) -> bytes:
        """gRPC's own health check, as Kubernetes asks it."""
        return _SERVING if await self._says_yes("/v2/health/ready") else _NOT_SERVING

    async def model_ready(self, raw: bytes, context: Context) -> bytes:
        request = oip_grpc.parse(messages.ModelReadyRequest, raw)
        answer = await self._get(oip_grpc.model_path(request.name, request.version) + "/ready", context)
        if answer.status not in {200, 404, 503}:
            await refuse_answer(context, answer)
        return oip_grpc.wire(messages.ModelReadyResponse(ready=answer.status == 200))

    async def server_metadata(self, raw: bytes, context: Context) -> bytes:
        answer = await self._get("/v2", context)
        return oip_grpc.server_metadata(await _document(context, answer))

    async def model_metadata(self, raw: bytes, context: Context) -> bytes:
        request = oip_grpc.parse(messages.ModelMetadataRequest, raw)
        answer = await self._get(oip_grpc.model_path(request.name, request.version), context)
        return oip_grpc.model_metadata(await _document(context, answer))

    async def model_config(self, raw: bytes, context: Context) -> bytes:
        request = oip_grpc.parse(messages.ModelConfigRequest, raw)
        answer = await self._get(oip_grpc.model_path(request.name, request.version) + "/config", context)
        return oip_grpc.model_config(await _document(context, answer))

    async def model_statistics(self, raw: bytes, context: Context) -> bytes:
        request = oip_grpc.parse(messages.ModelStatisticsRequest, raw)
        one = request.name or request.version
        path = oip_grpc.model_path(request.name, request.version) if one else "/v2/models"
        return oip_grpc.model_statistics(await _document(context, await self._get(f"{path}/stats", context)))

    async def model_infer(self, raw: bytes, context: Context) -> bytes:
        request = oip_grpc.infer_request(raw)
        length = len(request.header)
        head = [
            f"POST {request.path} HTTP/1.1",
            *_passed_on(context),
            "Content-Type: application/octet-stream",
            f"Inference-Header-Content-Length: {length}",
            f"Content-Length: {length + sum(map(len, request.tail))}",
        ]
        answer = await self._ask(head, [request.header, *request.tail])
        if answer.status != 200:
            await refuse_answer(context, answer)
        context.set_trailing_metadata(_trailing(answer))
        length = int(answer.headers.get("inference-header-content-length", len(answer.body)))
        return oip_grpc.infer_response(
            answer.body[:length], memoryview(answer.body)[length:], typed=request.typed
        )

    async def take(self, method: Method, arriving: AsyncIterator[bytes], context: Context) -> bytes:
        """One call, whose message need not have come yet."""
        try:
            raw = await self._arrivals.message(arriving, context)
        except ScoringError as error:
            await refuse(context, error)
        return await self.call(method, raw, context)

    async def call(self, method: Method, raw: bytes, context: Context) -> bytes:
        """One call with its bounds and its errors."""
        # A busy server is alive: who asks for its health is not sent away.
        if self._running >= self._concurrency and method == self.model_infer:
            await refuse(context, Overloaded("too many calls are under way here: come again in a second"))
        self._running += 1
        # No message begins as gzip does: it would be field 3 of a kind that there is not.
        packed = Inflating(raw, self._most_bytes) if raw.startswith(_GZIP) else None
        try:
            async with asyncio.timeout(self._seconds):
                return await method(raw if packed is None else await self._unpacked(packed), context)
        except TimeoutError:
            await refuse(context, DeadlineExceeded("the scoring node did not answer in time"))
        except NodeGone as error:
            await refuse(context, NotReady(str(error)))
        except ScoringError as error:
            await refuse(context, error)
        except (grpc.aio.AbortError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("a gRPC call met a mistake of ours")
            await refuse(context, ScoringError("something went wrong here: the log says what"))
        finally:
            self._running -= 1
            self._held -= packed.size if packed is not None else 0

    async def _unpacked(self, inflating: Inflating) -> bytes:
        """A message as it was before gzip, step by step. What is unpacked counts until its call has ended."""
        whole = None
        while whole is None:
            before = inflating.size
            try:
                whole = inflating.step()
            finally:
                self._held += inflating.size - before
            if self._held > self._most_held:
                raise Overloaded("too many compressed messages are unpacked here: come again in a second")
            await asyncio.sleep(0)
        return whole

    async def _says_yes(self, path: str) -> bool:
        try:
            answer = await self._ask([f"GET {path} HTTP/1.1"], [])
        except NodeGone:
            return False
        return answer.status == 200

    async def _get(self, path: str, context: Context) -> Answer:
        return await self._ask([f"GET {path} HTTP/1.1", *_passed_on(context)], [])

    async def _ask(self, head: Sequence[str], body: Sequence[bytes]) -> Answer:
        lines = "\r\n".join([*head, "Host: node", "", ""])
        return await self._upstream.ask([lines.encode("ascii"), *body])


async def refuse(context: Context, error: ScoringError) -> NoReturn:
    """End a call with an error of our own."""
    await _abort(context, status_of(error), str(error), {"x-assay-code": error.code})


async def refuse_answer(context: Context, answer: Answer) -> NoReturn:
    """End a call with the node's refusal: its stable code, its sentence, its headers."""
    try:
        document = orjson.loads(answer.body)
        sentence, code = str(document["error"]), str(document["code"])
    except (ValueError, KeyError, TypeError):
        sentence, code = f"the scoring node answered with status {answer.status}", ScoringError.code
    await _abort(context, answer.status, sentence, {**_headers(answer), "x-assay-code": code})


async def _abort(context: Context, status: int, sentence: str, trailing: Mapping[str, str]) -> NoReturn:
    fields = dict(trailing)
    if status in {429, 503}:
        after = fields.get("retry-after", "")
        pushback = int(after) * 1000 if after.isdigit() else RETRY_MS
        fields |= {"retry-after": str(pushback // 1000), "grpc-retry-pushback-ms": str(pushback)}
    # A client takes 8 KiB of trailing metadata, and a sentence of ours may quote what it sent.
    await context.abort(code_of(status), sentence[:_SENTENCE], tuple(fields.items()))


def _handler(service: str, served: Service, methods: Mapping[str, Method]) -> object:
    def bound(method: Method) -> Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]:
        async def call(arriving: AsyncIterator[bytes], context: Context) -> bytes:
            return await served.take(method, arriving, context)

        return call

    return grpc.method_handlers_generic_handler(
        service,
        # On the wire a stream of one message is the same, and its call begins before the message has come.
        {name: grpc.stream_unary_rpc_method_handler(bound(method)) for name, method in methods.items()},
    )


def _passed_on(context: Context) -> list[str]:
    """The caller's metadata that means something to the node, as header lines. Raises BadRequest."""
    lines = []
    for name, value in context.invocation_metadata() or ():
        if name in {"authorization", "traceparent", "tracestate"} or name.startswith("x-assay-"):
            text = value if isinstance(value, str) else value.decode("latin-1")
            if not (text.isascii() and text.isprintable()):
                raise BadRequest(f"the metadata {name} holds what no header can hold")
            lines.append(f"{name}: {text}")
    return lines


def _headers(answer: Answer) -> dict[str, str]:
    return {
        name: value
        for name, value in answer.headers.items()
        if name.startswith("x-assay-") or name in {"server-timing", "retry-after"}
    }


def _trailing(answer: Answer) -> tuple[tuple[str, str], ...]:
    return tuple(_headers(answer).items())


async def _document(context: Context, answer: Answer) -> dict[str, object]:
    if answer.status != 200:
        await refuse_answer(context, answer)
    document: dict[str, Any] = orjson.loads(answer.body)
    return document
