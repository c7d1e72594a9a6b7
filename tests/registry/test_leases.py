from __future__ import annotations

import threading

from django.db import OperationalError

from registry.services.leases import renewed


def test_a_lease_is_renewed_again_after_the_database_was_away():
    again, calls = threading.Event(), []

    def renew() -> bool:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("database is locked")
        again.set()
        return True

    with renewed(renew, every_s=0.01):
        assert again.wait(10)


def test_a_lease_that_somebody_else_has_taken_is_let_go():
    calls = []

    with renewed(lambda: bool(calls.append(1)), every_s=0.01):
        (keeper,) = [one for one in threading.enumerate() if one.name.endswith("(_keep)")]
        keeper.join(10)
        assert not keeper.is_alive()
    assert len(calls) == 1
