"""Table-top tasks as calls with arguments, without a video: ``block_stacking(red, blue, pink, green)``.

The programs are a family's, with arguments in place of scopes: the root's are the task's steps two by two,
those of the others say what is carried where. What a program sees is reduced to symbols, as a scratch pad's
pointers would show them: how its own arguments stand to each other and to the tool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from taskprog.machine import (
    ArgType,
    Budget,
    Call,
    CancelToken,
    Decision,
    Frame,
    Library,
    Observation,
    Op,
    OpKind,
    Outcome,
    PlannerError,
    TaskSpecification,
)
from taskprog.machine.op import Argument
from taskprog.tasks.carrying import GRASP_OFFSET, TRAIN, Steps
from taskprog.tasks.carrying_family import CarryingFamily
from taskprog.tasks.conditions import Disturbances, WorldNoise
from taskprog.tasks.environment import Problem
from taskprog.tasks.expert import HELD_RADIUS, ON_HEIGHT, Expert, tool_at
from taskprog.tasks.family import Task
from taskprog.tasks.scene import Body, stands_on
from taskprog.tasks.twin import TwinDomain

NOTHING = "-"  # fills up the root's arguments
TASK_SEED = 0  # of the tasks, which are the same for all trainings
TRIED = 250  # tasks of the test half
DISTURBED = 0.6  # share of the problems that have mishaps, where there are some at all
MISHAPS = Disturbances(failed_grasp=0.08, drop=0.08, misplace=0.06, meddle=0.04)
TOOL = (NO_OBJECT, ELSEWHERE, TO_GRASP, TO_RELEASE) = (0, 1, 2, 3)


class CalledPlace:
    """A twin as a ``Workplace``."""

    def __init__(self, twin: TwinDomain):
        self._twin = twin

    def observe(self) -> Observation:
        """See ``taskprog.machine.Domain``."""
        return self._twin.observe()

    def execute(self, call: Call, cancel: CancelToken) -> Outcome:
        """See ``taskprog.machine.Domain``."""
        return self._twin.execute(call, cancel)

    def wrong(self) -> str:
        """See ``Workplace``: the relations that do not hold."""
        return ", ".join(self._twin.unmet())


def by_call(family: str) -> str:
    """What tasks of a family are called, and their NPI, where arguments say them instead of a video."""
    return f"{family}_by_call"


@dataclass(frozen=True)
class CalledTasks:
    """See ``taskprog.tasks.environment.Environment``.

    Attributes:
        family: whose tasks they are.
        steps: that a task has at most.
        trained: number of tasks of the training half that are trained on.
        half: of the tasks that problems are drawn from; of the training half, those that are trained on.
        mishaps: six problems in ten have some, from which the programs recover; as is good to learn from.
    """

    family: CarryingFamily
    steps: int
    trained: int
    half: str = TRAIN
    mishaps: bool = False

    @property
    def name(self) -> str:
        """See ``Environment``."""
        if self.mishaps:
            return self.kind
        return f"{self.kind}_{'seen' if self.half == TRAIN else 'unseen'}"

    @property
    def kind(self) -> str:
        """See ``Environment``."""
        return by_call(self.family.name)

    @cached_property
    def library(self) -> Library:
        """See ``Environment``: the family's programs with arguments."""
        ops, root = self.family.library, self.family.library.root
        (carry,) = ops[root].callees
        pick, put = ops[carry].callees
        counts = {root: 2 * self.steps, carry: 2, pick: 1, put: 1}
        return Library(
            root,
            tuple(
                Op(op.name, OpKind.PROGRAM, (ArgType.OBJECT,) * counts[op.name], op.callees)
                if op.name in counts
                else op
                for op in ops.values()
            ),
        )

    @property
    def words(self) -> tuple[str, ...]:
        """See ``Environment``: objects, and heights above them."""
        return (*self.family.names, *map(str, self.family.offsets))

    @property
    def sizes(self) -> tuple[int, ...]:
        """See ``Environment``: a pointer to the first of the root's steps not done, or behind the last one;
        where the tool is by each of the others' two arguments; whether the first is held, something is, the
        gripper is closed."""
        return (self.steps + 1, len(TOOL), len(TOOL), 2, 2, 2)

    @property
    def album(self) -> None:
        """See ``Environment``: there are no pictures."""

    @cached_property
    def tasks(self) -> Sequence[Task]:
        """What problems are drawn from."""
        return self.family.tasks(TASK_SEED, self.trained if self.half == TRAIN else TRIED, self.half)

    def problem(
        self, rng: np.random.Generator, length: int, program: str | None = None
    ) -> Problem[CalledPlace]:
        """See ``Environment``; a task's length is its own, and only the root is run by itself."""
        task = self.tasks[int(rng.integers(len(self.tasks)))]
        return self.of(task, rng)

    def call(self, task: Task) -> Call:
        """The root called with a task's steps.

        Where their order is no part of the task, it is the alphabet's: any words for a task are one call.

        Raises:
            ValueError: it has more steps than the root takes.
        """
        if len(task.named) > self.steps:
            raise ValueError(f"{task} has {len(task.named)} steps, {self.library.root} takes {self.steps}")
        # What vanishes into receptacles may do so in any order.
        steps = sorted(task.named) if self.family.vanishing else task.named
        given = [name for step in steps for name in step]
        args = (*given, *(NOTHING,) * (2 * self.steps - len(given)))
        return Call(self.library[self.library.root], args)

    def of(self, task: Task, rng: np.random.Generator) -> Problem[CalledPlace]:
        """A task from a random start.

        Raises:
            ValueError: it has more steps than the root takes.
        """
        call = self.call(task)
        disturbed = self.mishaps and rng.uniform() < DISTURBED
        world = self.family.world(task, rng, WorldNoise(), MISHAPS if disturbed else Disturbances())
        budget: Budget = self.family.budget
        return Problem(call, CalledPlace(world), budget)

    def view(self, observation: Observation, args: Sequence[Argument]) -> tuple[int, ...]:
        """See ``Environment`` and ``sizes``."""
        flags = (int(observation.holding), int(observation.closed))
        names = [str(arg) for arg in args]
        if len(names) == 2 * self.steps:
            pairs = [names[k : k + 2] for k in range(0, len(names), 2)]
            undone = (k for k, (a, b) in enumerate(pairs) if not self._done(observation, a, b))
            return (next(undone, self.steps), NO_OBJECT, NO_OBJECT, 0, *flags)
        tools = [self._tool(observation, name) for name in names]
        held = observation.holding and tool_at(observation, names[0], GRASP_OFFSET, HELD_RADIUS, HELD_RADIUS)
        return (self.steps, *tools, *(NO_OBJECT,) * (2 - len(tools)), int(held), *flags)

    def _done(self, observation: Observation, a: str, b: str) -> bool:
        if NOTHING in (a, b) or a not in observation.names:
            return True  # no step, or seen no more
        if b not in observation.names or a not in self._bodies or b not in self._bodies:
            return False
        at_a, at_b = (observation.positions[observation.names.index(name)].tolist() for name in (a, b))
        stands = stands_on(self._bodies[a], self._bodies[b], at_a, at_b, ON_HEIGHT)
        held = observation.holding and tool_at(observation, a, GRASP_OFFSET, HELD_RADIUS, HELD_RADIUS)
        return stands and not held

    def _tool(self, observation: Observation, name: str) -> int:
        if tool_at(observation, name, GRASP_OFFSET):
            return TO_GRASP
        return TO_RELEASE if tool_at(observation, name, self.family.release) else ELSEWHERE

    @cached_property
    def _bodies(self) -> dict[str, Body]:
        return {body.name: body for body in self.family.filmed}

    def expert(self) -> CallExpert:
        """See ``Environment``."""
        return CallExpert(self)


class CallExpert:
    """The families' expert, told the task by the root's arguments."""

    def __init__(self, tasks: CalledTasks):
        self._tasks = tasks
        self._expert: Expert | None = None

    def begin(self, specification: TaskSpecification) -> None:
        """See ``taskprog.machine.Planner``.

        Raises:
            PlannerError: it is no call.
        """
        if not isinstance(specification, Call):
            raise PlannerError("the expert of calls is given a call with arguments, not a demonstration")
        words = [str(arg) for arg in specification.args if arg != NOTHING]
        steps: Steps = list(zip(words[::2], words[1::2], strict=True))
        family = self._tasks.family
        bodies = {body.name: body for body in family.filmed}
        self._expert = Expert(family.library, family.release, steps, bodies)

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        """See ``taskprog.machine.Planner``."""
        expert, library = self._expert, self._tasks.library
        if expert is None:
            raise PlannerError("the expert was asked before it was given a call")
        if frame.op.name == library.root:
            undone = expert.undone(observation)
            if not undone:
                return Decision(None, end=True)
            return Decision(Call(library[expert.carry], expert.steps[undone[0]]))
        decision = expert.act(frame.op.name, self._step(expert, frame), observation)
        assert decision.call is not None  # these programs end with a call
        name, args = decision.call.op.name, decision.call.args
        if library[name].kind is OpKind.PROGRAM:
            pick, _ = library[expert.carry].callees
            args = (frame.args[0 if name == pick else 1],)
        return Decision(Call(library[name], args), None, decision.end)

    def _step(self, expert: Expert, frame: Frame) -> int:
        """The step that a program works on, or another one for which it would do the same."""
        _, put = self._tasks.library[expert.carry].callees
        for k, (a, b) in enumerate(expert.steps):
            meant: Sequence[Argument] = (a, b)
            if frame.op.name != expert.carry:
                meant = (b,) if frame.op.name == put else (a,)
            if frame.args == meant:
                return k
        raise PlannerError(f"{frame.call} is none of the task's steps")
