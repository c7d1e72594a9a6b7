"""Asking the version's server: one row as JSON, many rows as binary tensors, two calls at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from urllib.parse import quote

from formats.dtypes import Array
from releases.proof.examiner import tensors
from releases.proof.examiner.connection import Answer, Connection, Raw
from releases.proof.examiner.findings import BadAnswer, Finding, Refused, TimedOut, TooLarge
from releases.proof.examiner.spec import Spec
from releases.proof.examiner.tensors import Tensors

MOST_JSON = 3 << 20
"""Requests with more JSON than this go as binary: the server reads 4 MiB of JSON."""

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Told:
    """One row's answer. `request` and `outputs` are its JSON forms, None where binary was used."""

    arrays: dict[str, Array]
    request: dict[str, Any] | None = None
    outputs: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One call, ready to be written. Prepared outside what is timed."""

    fields: Fields
    body: tuple[Raw, ...]


class Server:
    """The version behind one socket. Raises Refused, TimedOut, BadAnswer and ServerLost."""

    def __init__(self, spec: Spec, connections: int = 2) -> None:
        self._target = f"/v2/models/{quote(spec.model, safe='')}/infer"
        self._inputs = spec.signature.inputs
        self._secret: Fields = (("Authorization", f"Bearer {spec.token}"),) if spec.token else ()
        self._connections = [Connection(spec.socket, spec.timeout) for _ in range(connections)]

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def ask(self, inputs: Tensors) -> Told:
        """One row, or one whole request, as JSON; as binary where its JSON would be too long."""
        request = tensors.json_request(inputs, self._inputs)
        text = json.dumps(request).encode()
        if len(text) > MOST_JSON:
            return Told(self.ask_binary(inputs))
        answer = tensors.loads(checked(self.call(self._json(text))).body)
        arrays = tensors.json_outputs(answer)
        return Told(arrays, request, [_bare(output) for output in answer["outputs"]])

    def ask_binary(self, inputs: Tensors, outputs: Sequence[str] = ()) -> dict[str, Array]:
        """One call with binary tensors; `outputs` names those that are wanted, none means all."""
        return _arrays(self.call(self.binary(inputs, outputs)))

    def ask_many(self, batches: Iterable[Tensors], outputs: Sequence[str]) -> Iterator[dict[str, Array]]:
        """The answers to binary calls, in order; the next question is on its way while one is answered."""
        waiting: Connection | None = None
        try:
            for batch, connection in zip(batches, cycle(self._connections), strict=False):
                question = self.binary(batch, outputs)
                connection.send(self._target, question.fields, question.body)
                if waiting is not None:
                    yield _arrays(waiting.receive())
                waiting = connection
            if waiting is not None:
                yield _arrays(waiting.receive())
                waiting = None
        finally:
            if waiting is not None:
                # An answer is still on its way: nobody may take it for another question's.
                self.close()

    def call(self, question: Question) -> Answer:
        """One call on one connection: what the benchmark times."""
        connection = self._connections[0]
        connection.send(self._target, question.fields, question.body)
        return connection.receive()

    def json(self, inputs: Tensors) -> Question:
        """A JSON call for later."""
        return self._json(json.dumps(tensors.json_request(inputs, self._inputs)).encode())

    def binary(self, inputs: Tensors, outputs: Sequence[str] = ()) -> Question:
        """A binary call for later. The body's parts are views of `inputs` where they can be."""
        header, parts = tensors.binary_request(inputs, self._inputs, outputs)
        fields = (
            ("Content-Type", "application/octet-stream"),
            ("Inference-Header-Content-Length", str(len(header))),
        )
        return Question((*self._secret, *fields), (header, *parts))

    def _json(self, text: bytes) -> Question:
        return Question((*self._secret, ("Content-Type", "application/json")), (text,))


def checked(answer: Answer) -> Answer:
    """`answer` again. Raises Refused, TooLarge or TimedOut when its status is not 200."""
    if answer.status == 200:
        return answer
    try:
        document = tensors.loads(answer.body)
    except BadAnswer:
        document = {}
    said = str(document.get("error") or "no reason given")[:300]
    code = document.get("code")
    if answer.status == 413 or code == "output_too_large":
        kind: type[Finding] = TooLarge
    else:
        kind = TimedOut if code == "deadline_exceeded" else Refused
    raise kind(f"the server answered {answer.status}: {said}")


def _arrays(answer: Answer) -> dict[str, Array]:
    body = checked(answer).body
    length = answer.fields.get("inference-header-content-length")
    if length is None:
        return tensors.json_outputs(tensors.loads(body))
    if not (length.isascii() and length.isdigit() and int(length) <= len(body)):
        raise BadAnswer("the server's answer is malformed: its JSON header is longer than the answer")
    return tensors.binary_outputs(tensors.loads(body[: int(length)]), body[int(length) :])


def _bare(output: dict[str, Any]) -> dict[str, Any]:
    return {key: output[key] for key in ("name", "datatype", "shape", "data")}
