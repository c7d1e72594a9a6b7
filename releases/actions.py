"""Every action on a release: which service does it, who may, and what must come with it.

The buttons of the page and the actions of the REST API are this one table, filtered by law and policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from releases.services import freezing, gating, itself, joining, opening, rollouts, steering

TYPED_IN = "production"
GROUNDS = frozenset({"grounds"})
HOURS = "hours"
"""How long an A/A run lasts."""
SHARE = "share"
"""Of the units, for a version that joins a rollout."""
EVERYTHING = "everything"
"""Said of a rollout in which several versions take part: all of them are meant, not the release's alone."""


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
        if self.name in policies.STEERING:
            return not policies.nothing_to_steer(self.name, facts)
        return self.name in _TURNS and _TURNS[self.name](facts)


_TURNS: Mapping[str, Callable[[Facts], bool]] = {
    "run_aa": lambda facts: facts.state == State.LIVE and not facts.against_itself,
    "end_aa": lambda facts: facts.against_itself,
    "join_rollout": policies.may_join,
    "override_freeze": policies.may_ask_override,
    "retry_gates": lambda facts: facts.state == State.VALIDATING and facts.errored_gates,
}
"""Whose turn it is where neither the lifecycle nor a rollout by stages says so."""


def _step(action: Action, act: Callable[..., Release] | None = None, **needs: Any) -> Row:
    return Row(str(action), act, action, policies.RULES[action], **needs)


def _steer(
    name: str,
    act: Callable[..., Release],
    step: Action | None = None,
    *,
    takes: frozenset[str] = GROUNDS,
    typed: bool = False,
) -> Row:
    """What is done to a rollout by stages; of others it is refused with a reason."""
    refuse = policies.RULES[step] if step else policies.refuse_steering(name)
    return Row(name, act, step, refuse, takes=takes, fresh=True, typed=typed)


_ROWS = (
    _step(Action.SUBMIT, opening.submit_release, fresh=True),
    _step(Action.WITHDRAW, opening.withdraw, takes=GROUNDS, fresh=True),
    _step(Action.START_ROLLOUT, rollouts.start_rollout, takes=GROUNDS, fresh=True),
    Row(
        "join_rollout",
        joining.join_rollout,
        refuse=policies.refuse_join,
        takes=GROUNDS | {SHARE},
        fresh=True,
    ),
    # The way back waits for nobody's password.
    _step(Action.ROLL_BACK, rollouts.roll_back, takes=GROUNDS | {"to", EVERYTHING}, typed=True),
    _step(Action.RETIRE, rollouts.retire, takes=GROUNDS, fresh=True, typed=True),
    _steer("promote", steering.promote, Action.PROMOTE, typed=True),
    _steer("end_trial", steering.end_trial, Action.END_TRIAL, takes=GROUNDS | {EVERYTHING}),
    Row("retry_gates", gating.retry, refuse=policies.refuse_retry),
    _steer("pause", steering.pause),
    _steer("resume", steering.resume),
    Row("run_aa", itself.run_aa, refuse=policies.refuse_aa, takes=GROUNDS | {HOURS}, fresh=True),
    Row("end_aa", itself.end_aa, refuse=policies.refuse_end_aa, takes=GROUNDS, fresh=True),
    Row("acknowledge", lacks="alert to acknowledge"),
    _steer("accept_proposal", steering.accept_proposal),
    _steer("dismiss_proposal", steering.dismiss_proposal),
    Row(
        "override_freeze",
        freezing.override_freeze,
        refuse=policies.refuse_override,
        takes=GROUNDS,
        fresh=True,
        typed=True,
    ),
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


_NOT_OF_ALL = {
    "to": "goes nowhere else",
    HOURS: "lasts no hours that anybody says",
    SHARE: "shares nothing out",
    EVERYTHING: "is of one version, or of the whole rollout anyhow",
}
"""What may be said with some actions, and why not with the others."""


def perform(
    row: Row, release: Release, *, by: Person, token: ApiToken | None = None, **said: object
) -> Release:
    """Do it, with what was said. Raises what its service raises, and Conflict for what no release has yet."""
    if row.lacks:
        raise Conflict(f"A {release.strategy.get('kind', 'single')} release has no {row.lacks}.")
    if row.act is None:
        return _refuse(row, release, by, token)
    for name, why in _NOT_OF_ALL.items():
        if said.get(name) not in (None, False) and name not in row.takes:
            raise BadInput(f"{row.name} {why}: leave {name} out.", field=name)
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
