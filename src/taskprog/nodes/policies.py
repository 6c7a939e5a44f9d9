"""The planners that a goal chooses between, and what of a goal each of them reads: a video, or words."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sawyer_ntp.msg import TaskSpecification as SpecificationMessage

from taskprog.machine import (
    Call,
    Decision,
    Demonstration,
    Frame,
    Library,
    Observation,
    Planner,
    TaskSpecification,
)
from taskprog.nodes.specification import NPI, NTP, check_eyes, check_specification, read_specification
from taskprog.planners.npi.environments import ENVIRONMENTS
from taskprog.planners.npi.planner import NPIPlanner
from taskprog.planners.ntp.planner import NTPPlanner
from taskprog.resources import shipped
from taskprog.tasks.called import CalledTasks, by_call
from taskprog.tasks.family import Family

T = TypeVar("T")

DECISION_TIMEOUT = 30.0  # seconds of wall time; a decision takes milliseconds


class OwnThread:
    """A planner whose every call runs in one thread: torch is never entered from two."""

    def __init__(self, planner: Planner, thread: ThreadPoolExecutor):
        self._planner = planner
        self._thread = thread

    def begin(self, specification: TaskSpecification) -> None:
        """See ``taskprog.machine.machine.Planner``."""
        self._wait(self._thread.submit(self._planner.begin, specification))

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        """See ``taskprog.machine.machine.Planner``."""
        return self._wait(self._thread.submit(self._planner.decide, frame, observation))

    def _wait(self, future: Future[T]) -> T:
        return future.result(DECISION_TIMEOUT)


@dataclass(frozen=True)
class Policy:
    """A planner, its operations, and where it came from."""

    planner: Planner
    library: Library
    folder: Path


class Policies:
    """NTP, which follows videos; and NPI, which is called with the task's steps, where there is one.

    Args:
        family: of the tasks.
        default: the planner of goals that name none.
        checkpoint: folder of its policy; None for the family's shipped one, which the other one has anyway.

    Raises:
        taskprog.planners.checkpoint.CheckpointError: a policy is missing or broken.
        OSError, ValueError: what is needed to read videos is.
    """

    def __init__(self, family: Family, default: str = NTP, checkpoint: Path | None = None):
        self.default = default
        self._family = family
        check_eyes(family)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="torch")
        folders = {NTP: shipped(family.name), NPI: shipped(by_call(family.name))}
        if checkpoint is not None:
            folders[default] = checkpoint
        followed = NTPPlanner.load(folders[NTP], family)
        self._all = {NTP: Policy(OwnThread(followed, self._thread), followed.library, folders[NTP])}
        environment = ENVIRONMENTS.get(by_call(family.name))
        self._called = environment if isinstance(environment, CalledTasks) else None
        if self._called is not None and (default == NPI or folders[NPI].is_dir()):
            called = NPIPlanner.load(folders[NPI], self._called)
            self._all[NPI] = Policy(OwnThread(called, self._thread), self._called.library, folders[NPI])

    def __getitem__(self, name: str) -> Policy:
        return self._all[name or self.default]

    def check(self, name: str, message: SpecificationMessage) -> str | None:
        """Why a goal for a planner cannot even be tried, or None."""
        name = name or self.default
        if name not in self._all:
            known = ", ".join(self._all)
            return f"no planner {name!r} for {self._family.name}; there are {known}"
        words = bool(message.task)
        if words and (len(message.video) or message.frames):
            return "specification has both a task in words and a video; send one of them"
        if name == NTP:
            if words:
                return f"planner {NTP} follows videos; planner {NPI} takes the task {message.task!r} in words"
            return check_specification(message)
        if not words:
            return f"planner {NPI} takes a task in words, such as '2>6 7>1', and no video"
        try:
            self._call(message.task)
        except ValueError as error:
            return f"task {message.task!r}: {error}"
        return None

    def read(self, name: str, message: SpecificationMessage) -> Demonstration | Call:
        """What a planner is to do.

        Raises:
            taskprog.perception.task_video.TaskVideoError: it is not a video, or not one of a task.
        """
        if (name or self.default) == NTP:
            return read_specification(message, self._family)
        return self._call(message.task)

    def _call(self, words: str) -> Call:
        assert self._called is not None
        return self._called.call(self._family.parse(words))

    @property
    def objects(self) -> Sequence[str]:
        """Names of what tasks are about."""
        return self._family.names

    def close(self) -> None:
        """End the thread once its present call is done."""
        self._thread.shutdown(wait=False, cancel_futures=True)
