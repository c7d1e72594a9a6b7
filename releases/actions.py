"""Every action on a release: which service does it, who may, and what must come with it.

The buttons of the page and the actions of the REST API are this one table, filtered by law and policy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from registry.errors import BadInput, Conflict, NotAllowed, NotFound
from registry.models import ApiToken, Person
from registry.principals import Access
from registry.selectors import access, is_called
from releases import policies, selectors
from releases.lifecycle import Action, State, actions, target
from releases.models import Release
from releases.policies import Facts
from releases.services import gating, opening, rollouts

TYPED_IN = "production"
GROUNDS = frozenset({"grounds"})


@dataclass(frozen=True, slots=True)
class Row:
    """One action.

    act     the service; None where Assay does it by itself, or nobody can as long as `lacks` is true
    step    the lifecycle's; None for what leaves a release in its state
    refuse  why this person may not do it now, or nothing
    takes   what may be said with it, by the service's names
    fresh   somebody with a session must have typed their password not long ago
    typed   the model's name is typed to confirm it, in production
    lacks   what a release would have to have, and none has yet
    """

    name: str
    act: Callable[..., Release] | None = None
    step: Action | None = None
    refuse: Callable[[Access, Facts], str] = lambda access, facts: ""
    takes: frozenset[str] = frozenset()
    fresh: bool = False
    typed: bool = False
    lacks: str = ""

    def comes_next(self, facts: Facts) -> bool:
        """Whether it is somebody's turn to do this, whoever may."""
        if self.step is not None:
            return self.step in actions(facts.state)
        return self.name == "retry_gates" and facts.state == State.VALIDATING and facts.errored_gates


def _step(action: Action, act: Callable[..., Release] | None = None, **needs: Any) -> Row:
    return Row(str(action), act, action, policies.RULES[action], **needs)


_ROWS = (
    _step(Action.SUBMIT, opening.submit_release, fresh=True),
    _step(Action.WITHDRAW, opening.withdraw, takes=GROUNDS, fresh=True),
    _step(Action.START_ROLLOUT, rollouts.start_rollout, takes=GROUNDS, fresh=True),
    # The way back waits for nobody's password.
    _step(Action.ROLL_BACK, rollouts.roll_back, takes=GROUNDS | {"to"}, typed=True),
    _step(Action.RETIRE, rollouts.retire, takes=GROUNDS, fresh=True, typed=True),
    _step(Action.PROMOTE),
    _step(Action.END_TRIAL),
    Row("retry_gates", gating.retry, refuse=policies.refuse_retry),
    Row("pause", lacks="steps to pause"),
    Row("resume", lacks="steps to resume"),
    Row("acknowledge", lacks="alert to acknowledge"),
    Row("accept_proposal", lacks="proposal to accept"),
    Row("dismiss_proposal", lacks="proposal to dismiss"),
    Row("override_freeze", lacks="freeze to override"),
)
TABLE: dict[str, Row] = {row.name: row for row in _ROWS}


def named(name: str) -> Row:
    """Raises NotFound with the names that there are."""
    if name not in TABLE:
        raise NotFound(f"There is no action {name!r}: there are {', '.join(sorted(TABLE))}.")
    return TABLE[name]


def choices(release: Release, asker: Access) -> list[tuple[Row, str]]:
    """What comes next for people, each with the reason why this person may not do it, or nothing."""
    facts = selectors.facts(release)
    return [(row, row.refuse(asker, facts)) for row in _ROWS if row.comes_next(facts)]


def perform(
    row: Row, release: Release, *, by: Person, token: ApiToken | None = None, **said: object
) -> Release:
    """Do it, with what was said. Raises what its service raises, and Conflict for what no release has yet."""
    if row.lacks:
        raise Conflict(f"A {release.strategy.get('kind', 'single')} release has no {row.lacks}.")
    if row.act is None:
        return _refuse(row, release, by, token)
    if said.get("to") is not None and "to" not in row.takes:
        raise BadInput(f"{row.name} goes nowhere else: leave to out.", field="to")
    return row.act(release, by=by, token=token, **{k: v for k, v in said.items() if k in row.takes})


def _refuse(row: Row, release: Release, by: Person, token: ApiToken | None) -> Release:
    """A step that the law knows and that no service takes by hand: the policy says why."""
    if row.step is not None:
        target(State(release.state), row.step)
    raise NotAllowed(row.refuse(access(by, token, release.model), selectors.facts(release)))


def asks_for_the_name(row: Row, release: Release) -> bool:
    """Whether the model's name has to be typed, so that nobody hits production by mistake."""
    return row.typed and release.environment.name == TYPED_IN


def check_name(row: Row, release: Release, typed: str) -> None:
    """Raises BadInput where the name had to be typed and was not."""
    if asks_for_the_name(row, release) and not is_called(release.model, typed):
        raise BadInput(f"Type the model's name, {release.model}, to confirm.", field="typed")
