"""`python -m releases.proof.examiner`: a spec on standard input, one result on standard output."""

from __future__ import annotations

import sys

from releases.proof.examiner import result, spec
from releases.proof.examiner.examination import examine


def main() -> int:
    """0 with a result, also where it speaks against the model; 2 with a sentence for a spec that is wrong."""
    try:
        order = spec.parse(sys.stdin.buffer.read())
    except spec.BadSpec as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.buffer.write(result.dump(examine(order)))
    return 0


sys.exit(main())
