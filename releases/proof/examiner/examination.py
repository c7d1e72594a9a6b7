"""The parts of an examination, one after the other; each ends in figures or in a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from formats.answers import Tolerances
from formats.sets import OUR_TROUBLE
from releases.proof.examiner import benchmark, end_to_end
from releases.proof.examiner.answers import ReferenceAnswers
from releases.proof.examiner.asking import Server
from releases.proof.examiner.findings import Finding, NeverAnswered
from releases.proof.examiner.loading import load
from releases.proof.examiner.progress import Progress
from releases.proof.examiner.result import MOST_SENTENCE, Examination, Part, Problem
from releases.proof.examiner.spec import Spec

ANSWERS = "answers.jsonl"


def examine(spec: Spec) -> Examination:
    """Do what the spec asks, in its order. What goes wrong is told in the result, never raised."""
    server = Server(spec)
    try:
        return _examine(spec, server)
    except OSError as error:
        if error.errno not in OUR_TROUBLE:
            raise
        return Examination("errored", f"the examination itself could not work: {error.strerror}")
    finally:
        server.close()


def _examine(spec: Spec, server: Server) -> Examination:
    answers = ReferenceAnswers()
    made = _parts(Examination("measured", None), spec, server, answers)
    if {"end_to_end", "confidence"} & set(spec.do):
        made = replace(made, answers=answers.write(spec.scratch / ANSWERS))
    return made


def _parts(made: Examination, spec: Spec, server: Server, answers: ReferenceAnswers) -> Examination:
    progress = Progress(spec.scratch, spec.pause)
    for place, part in enumerate(spec.do):
        try:
            made = PARTS[part](made, spec, server, answers, progress)
        except NeverAnswered as finding:
            return _hanging(_noted(made, part, str(finding)), part, finding, spec.do[place + 1 :])
        except Finding as finding:
            made = _noted(made, part, str(finding))
        except MemoryError:
            made = _noted(made, part, f"the {part} set needs more memory than an examination may take")
    return made


def _hanging(made: Examination, part: Part, finding: NeverAnswered, rest: Iterable[Part]) -> Examination:
    """A client would wait in vain, and so would the parts that are left: nobody waits for that again."""
    why = f"in the {part} set, {finding}"[:MOST_SENTENCE]
    for each in rest:
        made = _noted(made, each, why)
    return replace(made, hangs=why)


def _noted(made: Examination, part: Part, reason: str) -> Examination:
    reason = reason[:MOST_SENTENCE]
    return replace(
        made,
        outcome="failed",
        reason=made.reason or reason,
        problems=(*made.problems, Problem(part, reason)),
    )


def _end_to_end(
    made: Examination, spec: Spec, server: Server, answers: ReferenceAnswers, progress: Progress
) -> Examination:
    found = load(spec, "end_to_end")
    answers.tolerances = Tolerances.of(found.tolerance, spec.signature)
    return replace(made, end_to_end=end_to_end.examine(found, server, answers, progress))


def _confidence(
    made: Examination, spec: Spec, server: Server, answers: ReferenceAnswers, progress: Progress
) -> Examination:
    # scikit-learn takes seconds to import: a benchmark alone does not wait for it.
    from releases.proof.examiner import confidence

    found = load(spec, "confidence")
    return replace(made, confidence=confidence.examine(spec, found, server, answers, progress))


def _benchmark(
    made: Examination, spec: Spec, server: Server, answers: ReferenceAnswers, progress: Progress
) -> Examination:
    """With the rows of whichever set there is; the end-to-end part may have found that rows stay alone."""
    found = load(spec, "end_to_end" if "end_to_end" in spec.sets else "confidence")
    batchable = made.end_to_end.batchable is not False if made.end_to_end else True
    socket = spec.champion.socket if spec.champion else None
    champion = Server(replace(spec, socket=socket)) if socket else None
    try:
        measured = benchmark.measure(
            found, server, spec.benchmark, progress, champion=champion, batchable=batchable
        )
    finally:
        if champion:
            champion.close()
    return replace(made, benchmark=measured)


Step = Callable[[Examination, Spec, Server, ReferenceAnswers, Progress], Examination]
PARTS: dict[Part, Step] = {"end_to_end": _end_to_end, "confidence": _confidence, "benchmark": _benchmark}
