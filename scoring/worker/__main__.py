"""`python -m scoring.worker --control FD --listen FD,FD`: started by the node, never by hand."""

from __future__ import annotations

from scoring.worker.process import main

main()
