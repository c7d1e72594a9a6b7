"""kill -9 between the mail server's word and ours: the same message again, and never none."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config import env
from tests import mail
from tests.faults import points

pytestmark = pytest.mark.faults
ROOT = Path(__file__).parents[2]
MAKES = """
from registry.services import people
from registry.models import Notice
from registry.services.models import create_model
from releases.services import telling
from registry.services.policy_changes import propose_policy
from registry.selectors import policy_digest
from registry.models import Event
made = {}
for name, role in (("dara", "admin"), ("edda", "approver"), ("olga", "contributor")):
    made[name] = people.create_person(name, password=None, email=f"{name}@example.org")
    people.grant(made[name], role)
model = create_model("letters", by=made["olga"])
asked = {"policy": {"slots": ["approval"]}, "based_on": policy_digest(model), "grounds": "it takes too long"}
propose_policy(model, **asked, by=made["dara"])
telling.tell(Event.objects.get(kind="policy.proposed"))
"""
SENDS = """
from datetime import timedelta
from django.utils import timezone
from releases.services import mailing
print("sent", mailing.send_due(timezone.now() + timedelta(minutes={minutes})))
"""


def test_a_sender_that_is_killed_after_the_servers_word_sends_the_same_message_once_more(tmp_path):
    (name,) = points.MAILING
    with mail.taking() as (box, server):
        crash = tmp_path / "crash"
        given = env.inherited(
            ASSAY_DATA_DIR=str(tmp_path / "data"),
            ASSAY_SMTP_URL=f"smtp://127.0.0.1:{server.port}",
            ASSAY_CRASHPOINT_FILE=str(crash),
            DATABASE_URL="",
            DJANGO_SETTINGS_MODULE="config.settings",
        )

        def manage(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "manage.py", *words], cwd=ROOT, env=given, capture_output=True, text=True
            )

        assert manage("migrate", "--verbosity", "0").returncode == 0
        made = manage("shell", "--no-imports", "-c", MAKES)
        assert made.returncode == 0, made.stderr
        crash.write_text(name)
        assert manage("shell", "--no-imports", "-c", SENDS.format(minutes=1)).returncode == -signal.SIGKILL
        again = manage("shell", "--no-imports", "-c", SENDS.format(minutes=4))
        assert "sent 1" in again.stdout, again.stderr
        assert "sent 0" in manage("shell", "--no-imports", "-c", SENDS.format(minutes=9)).stdout
    first, second = box.taken
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Subject"] == second["Subject"] == "Confirm or reject the change: policy of letters"
    assert [taken["X-Envelope-To"] for taken in box.taken] == ["edda@example.org"] * 2
