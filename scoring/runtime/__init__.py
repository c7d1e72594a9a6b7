"""The only package that imports onnxruntime.

onnxruntime sends model file and graph names away unless this variable stands before its first
import. It is the one variable that scoring touches, and it touches it here so that no other
order of imports can forget it.
"""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
