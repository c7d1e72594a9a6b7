"""The product's settings for the suite: a data folder of its own, nothing of the person's environment."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

FOREIGN = ("DATABASE_URL", "REDIS_URL", "S3_ENDPOINT_URL")

for _name in list(os.environ):
    if _name in FOREIGN or (_name.startswith("ASSAY_") and not _name.startswith("ASSAY_TEST_")):
        del os.environ[_name]

SCRATCH = Path(tempfile.mkdtemp(prefix="assay-tests-"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)
(SCRATCH / "static").mkdir()
os.environ["ASSAY_DATA_DIR"] = str(SCRATCH)
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
if not shutil.which("bwrap"):  # the suite's models are its own; what needs walls says so and is skipped
    os.environ["ASSAY_ALLOW_UNISOLATED"] = "true"
# Playwright keeps an event loop in the main thread, and Django would refuse to query beside it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

from config.settings import *  # noqa: E402, F403 - the environment has to be put in order first

DATABASES["default"]["TEST"] = {"NAME": str(SCRATCH / "test.sqlite3")}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
