"""The stored spelling of a manifest has the facts that are read, and no other."""

from __future__ import annotations

from dataclasses import fields

import pytest

from registry.manifest import facts, stored


@pytest.mark.parametrize(
    ("spelling", "read", "not_stored"),
    [
        (stored.StoredTensor, facts.TensorFacts, set()),
        (stored.StoredSignature, facts.SignatureFacts, set()),
        (stored.StoredMetric, facts.MetricRange, set()),
        (stored.StoredManifest, facts.Facts, {"declared"}),
    ],
)
def test_what_is_stored_is_what_was_read(spelling, read, not_stored):
    assert set(spelling.__annotations__) == {field.name for field in fields(read)} - not_stored
