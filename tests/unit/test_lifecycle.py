from __future__ import annotations

import pytest

from releases.errors import IllegalTransition
from releases.lifecycle import FINAL, STEPS, Action, State, actions, target


def test_every_state_but_the_first_is_reached_and_every_action_is_used():
    assert set(STEPS.values()) == set(State) - {State.DRAFT}
    assert {action for _, action in STEPS} == set(Action)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_nothing_leads_out_of_a_final_state(state):
    assert actions(state) == []


def test_states_that_are_not_final_lead_on():
    assert all(actions(state) for state in set(State) - FINAL)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", Action)
def test_a_step_is_in_the_table_or_refused_with_what_is_possible(state, action):
    if (state, action) in STEPS:
        assert target(state, action) == STEPS[state, action]
        return
    with pytest.raises(IllegalTransition) as refusal:
        target(state, action)
    assert all(possible in str(refusal.value) for possible in actions(state))
