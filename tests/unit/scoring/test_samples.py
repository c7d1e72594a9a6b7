"""The prediction log's parts: who is kept, what of it, and how it lies in an archive that holds no code."""

from __future__ import annotations

import io
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from formats.types import Signature, TensorSpec
from scoring.control import Part, Sample
from scoring.node.outbox import segments
from scoring.request_ids import Issuer, model_tag
from scoring.tensors import Block
from scoring.worker import samples
from scoring.worker.batching import Ran
from scoring.worker.samples import Sampler, Samples, threshold

KEY = bytes(range(32))
IDS = [Issuer(KEY, model_tag("m"), 1, 1, 0).issue(7, 1_790_000_000_000, n, 1) for n in range(20_000)]


def is_kept(request_id: bytes, share: float) -> bool:
    return request_id[-4:] < threshold(share)


def spec(name, datatype="FP32", shape=(-1, 2), **more):
    return TensorSpec(name, datatype, shape, **more)


SIGNATURE = Signature(
    (
        spec("x"),
        spec("name", "BYTES", (-1,), sensitive="hash"),
        spec("ssn", "INT64", (-1,), sensitive="omit"),
        spec("word", "BYTES", (-1,), optional=True),
    ),
    (spec("y", shape=(-1, 1)),),
)


def exchange(rows, *, arm="champion", names=None, words=None, chance=None, logged=b""):
    x = np.arange(rows * 2, dtype="<f4")
    blocks = [
        Block((rows, 2), x.tobytes()),
        Block((rows,), names or ["ada"] * rows),
        Block((rows,), np.full(rows, 4711, "<i8").tobytes()),
        None if words is None else Block((rows,), words),
    ]
    target = SimpleNamespace(arm=arm, chance=chance)
    return SimpleNamespace(
        blocks=blocks, rows=rows, target=target, arrived=1.0, unit=2**64 - 1, logged=logged
    )


def looked(exchanges, share=1.0, signature=SIGNATURE):
    kept = Samples()
    sampler = Sampler(kept, "m", 1, KEY)
    sampler.follow(share, signature)
    rows = sum(each.rows for each in exchanges)
    ran = Ran(exchanges, [np.arange(rows, dtype="<f4").reshape(rows, 1)], None, 1.0, 1.1)
    sampler.look(ran, [(IDS[n], None) for n in range(len(exchanges))], 1_790_000_000_000, 1.25)
    return kept


@pytest.mark.parametrize("share", [0.0, 0.01, 0.25, 0.9, 1.0])
def test_a_share_of_the_ids_is_kept_and_growing_it_only_adds(share):
    kept = {n for n, each in enumerate(IDS) if is_kept(each, share)}
    more = {n for n, each in enumerate(IDS) if is_kept(each, min(share * 1.1, 1.0))}

    assert len(kept) / len(IDS) == pytest.approx(share, abs=0.012)
    assert kept <= more
    assert bool(samples.threshold(share)) == bool(share)


def test_what_is_looked_at_is_what_the_ids_say():
    kept = looked([exchange(1) for _ in range(150)], 0.3)

    wanted = [each.decode() for each in IDS[:150] if is_kept(each, 0.3)]
    assert [sample.request_id for sample in kept.take()] == wanted


def test_sensitive_tensors_are_left_out_or_hashed_before_they_leave_the_worker():
    kept = looked([exchange(3, names=["ada", "bob", "ada"]), exchange(1, names=["bob"])]).take()

    first, second = kept
    assert first.inputs[2] is None
    assert first.inputs[1].shape == [3]
    hashes = np.frombuffer(first.inputs[1].raw, "<u8").tolist()
    assert hashes[0] == hashes[2] != hashes[1]
    assert np.frombuffer(second.inputs[1].raw, "<u8").tolist() == [hashes[1]]
    assert not any(text in repr(kept) for text in ("ada", "bob", "4711"))
    other = Sampler(Samples(), "m", 1, bytes(32))
    other.follow(1.0, SIGNATURE)
    assert other._inputs[1].block(Block((1,), ["ada"])).raw != first.inputs[1].raw[:8]


def test_our_own_calls_are_not_kept():
    kept = looked([exchange(1, arm="internal"), exchange(1)])

    assert [sample.request_id for sample in kept.take()] == [IDS[1].decode()]


def test_what_does_not_fit_is_dropped_and_counted():
    kept = looked([exchange(1) for _ in range(samples.MOST_SAMPLES + 5)])
    assert (len(kept), kept.dropped) == (samples.MOST_SAMPLES, 5)
    large = looked([exchange(samples.MOST_BYTES // 8), exchange(1)])
    assert (len(large), large.dropped) == (1, 1)


def test_a_mistake_in_the_log_costs_no_answer():
    broken = exchange(1)
    broken.blocks = []
    assert looked([broken]).dropped == 1


def test_a_shadow_is_kept_beside_what_the_client_was_told_and_has_half_of_the_room():
    kept = Samples()
    sampler = Sampler(kept, "m", 2, KEY)
    sampler.follow(0.3, SIGNATURE)
    for request_id in (b"", *IDS[: 2 * samples.MOST_SAMPLES]):
        asked = exchange(1, arm="mirror", logged=request_id)
        if request_id:
            sampler.overhear(asked, [np.zeros((1, 1), "<f4")], 1.25)
    told = [each.decode() for each in IDS[: 2 * samples.MOST_SAMPLES] if is_kept(each, 0.3)]
    half = samples.MOST_SAMPLES // 2
    assert (len(kept), kept.dropped) == (half, len(told) - half)
    assert kept.take()[-1].request_id == told[half - 1]

    sampler.overhear(exchange(1, logged=IDS[0]), [], 1.25)
    assert kept.dropped == len(told) - half + is_kept(IDS[0], 0.3)


def test_shadows_leave_room_for_what_clients_were_told():
    kept = looked([exchange(1) for _ in range(samples.MOST_SAMPLES - 1)])
    kept.offer(Sample("m", 2, "mirror", IDS[0].decode(), 0, 0, 1, 7, [], [], shadow=True))
    kept.offer(Sample("m", 1, "champion", IDS[1].decode(), 0, 0, 1, 7, [], []))
    assert (len(kept), kept.dropped) == (samples.MOST_SAMPLES, 1)


def test_an_archive_of_the_release_before_is_read_for_what_it_has():
    given = looked([exchange(1)]).take()
    with np.load(io.BytesIO(segments.pack(given, SIGNATURE))) as told:
        columns = {n: told[n] for n in told.files if n not in ("revision", "propensity", "shadow")}
    [(facts, _)] = segments.unpack(io.BytesIO(segments._archive(columns)))
    assert list(facts) == ["request_id", "at_ms", "latency_us", "arm", "unit", "rows"]


def test_what_goes_into_an_archive_comes_out_of_it():
    given = looked(
        [
            exchange(2, chance=lambda unit: unit / 2**65),
            exchange(1, words=["füße"]),
            exchange(3, words=["a", "", "b"]),
        ]
    ).take()
    content = segments.pack(given, SIGNATURE)
    found = list(segments.unpack(io.BytesIO(content)))

    assert [facts["request_id"] for facts, _ in found] == [sample.request_id for sample in given]
    facts, tensors = found[0]
    assert facts == {
        "request_id": IDS[0].decode(), "at_ms": 1_790_000_000_000, "latency_us": 250_000,
        "arm": "champion", "unit": 2**64 - 1, "rows": 2,
        "revision": 1, "propensity": 0.5, "shadow": False,
    }  # fmt: skip
    assert np.isnan(found[1][0]["propensity"])
    assert set(tensors) == {"inputs/x", "inputs/name", "inputs/word", "outputs/y"}
    assert tensors["inputs/x"].tolist() == [[0, 1], [2, 3]]
    assert tensors["inputs/word"] is None
    assert [each[1]["inputs/word"].tolist() for each in found[1:]] == [["füße"], ["a", "", "b"]]
    assert [each[1]["outputs/y"].reshape(-1).tolist() for each in found] == [[0, 1], [2], [3, 4, 5]]


def test_an_archive_can_be_read_as_columns_and_holds_no_objects():
    content = segments.pack(looked([exchange(2), exchange(3)]).take(), SIGNATURE)
    with np.load(io.BytesIO(content), allow_pickle=False) as columns:
        assert columns["inputs/x"].shape == (5, 2)
        assert columns["inputs/name"].shape == (5,)
        assert not any(columns[name].dtype.hasobject for name in columns.files)
    assert all(name.endswith(".npy") for name in zipfile.ZipFile(io.BytesIO(content)).namelist())


def test_shapes_may_differ_from_request_to_request():
    signature = Signature((spec("x", shape=(-1, -1)),), (spec("s", shape=()),))
    parts = [Part([1, 3], bytes(12)), Part([2, 0], b""), Part([2, 2], bytes(16))]
    given = [Sample("m", 1, "a", IDS[0].decode(), 0, 0, 1, 0, [part], [Part([], bytes(4))]) for part in parts]
    found = list(segments.unpack(io.BytesIO(segments.pack(given, signature))))

    assert [tensors["inputs/x"].shape for _, tensors in found] == [(1, 3), (2, 0), (2, 2)]
    assert [tensors["outputs/s"].shape for _, tensors in found] == [(), (), ()]
