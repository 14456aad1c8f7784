"""The model: no live object is ever deleted, and what is dead goes within the stated passes.

Two drivers take the same steps: hypothesis, which finds short failures, and a seeded generator,
which is fast. Together they take at least 200,000 steps; CLAIMCHECK_TEST_MODEL_STEPS asks for
more, and `python -m tests.gc.model --steps 10000000` is for the long run.
"""

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.gc.model import ACTIONS, Example, run_steps

_STEPS = int(os.environ.get("CLAIMCHECK_TEST_MODEL_STEPS", "200000"))
_SHARES = 16
_EXAMPLES = 200
_EXAMPLE_STEPS = 80

numbers = st.integers(0, 0xFFFF)


@pytest.mark.parametrize("share", range(_SHARES))
def test_the_seeded_model_loses_nothing(share: int) -> None:
    wanted = _STEPS // _SHARES
    happened = run_steps(wanted, seed=share * 1_000_000)
    assert happened["steps"] >= wanted
    # It is a model of something: passes complete, are refused, die, and delete.
    for what in ("complete", "CollectorBusy", "CollectionRefused", "CollectionIncomplete"):
        assert happened[f"pass: {what}"] > 0
    assert happened["pass: Killed"] > 0
    assert happened["objects deleted"] > wanted / 50


class Model(RuleBasedStateMachine):
    """The same steps, chosen by hypothesis."""

    steps = 0

    example: Example

    @initialize(choice=numbers)
    def begin_world(self, choice: int) -> None:
        self.example = Example(choice)

    def do(self, name: str, one: int, two: int) -> None:
        Model.steps += self.example.do(name, one, two)

    @invariant()
    def everything_in_use_is_there(self) -> None:
        if hasattr(self, "example"):
            self.example.world.check()

    def teardown(self) -> None:
        if hasattr(self, "example"):
            self.example.end()


def _rule(name: str) -> Callable[..., None]:
    def step(self: Model, one: int, two: int) -> None:
        self.do(name, one, two)

    step.__name__ = name
    return rule(one=numbers, two=numbers)(step)


for _name in ACTIONS:
    setattr(Model, _name, _rule(_name))


def test_the_model_of_hypothesis_loses_nothing() -> None:
    Model.steps = 0
    run_state_machine_as_test(
        Model,
        settings=settings(
            max_examples=_EXAMPLES,
            stateful_step_count=_EXAMPLE_STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
    # Some steps find nothing to do and are not counted.
    assert Model.steps > _EXAMPLES * _EXAMPLE_STEPS / 5
