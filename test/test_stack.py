"""The whole simulated stack as processes: video in, cameras only; and what happens when one is killed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from ros_world import free_domain
from sawyer_ntp.action import ExecuteTask

from taskprog.cli.client import StackClient, video_specification
from taskprog.cli.record import record_video
from taskprog.cli.stack import StackOptions, running
from taskprog.cli.supervisor import Supervisor
from taskprog.machine import CancelToken, Event, EventKind
from taskprog.nodes.call import ActionError
from taskprog.tasks.block_stacking import generate_tasks
from taskprog.tasks.families import FAMILIES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TASK = next(task for task in generate_tasks(seed=3, n=50, half="test") if len(task.steps) == 2)
RUN_LIMIT = 300.0  # seconds of wall time for a whole task on a busy machine
DEATH_LIMIT = 5.0  # seconds of wall time in which a run must end after a node died


class Stack:
    """The running stack, its client, and the trace as it comes."""

    def __init__(self, supervisor: Supervisor, client: StackClient):
        self.supervisor = supervisor
        self.client = client
        self.carrying = threading.Event()

    def on_event(self, event: Event) -> None:
        if event.kind is EventKind.CALL and event.op == "move_to" and event.caller == "place":
            self.carrying.set()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("video") / "task.mp4"
    record_video(TASK, 1000, "hand", path)
    return path.read_bytes()


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    events: list[Stack] = []
    with free_domain() as domain:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
        options = StackOptions(tmp_path, seed=5, record=False)
        with running(options, lambda event: events[0].on_event(event) if events else None) as (s, client):
            events.append(Stack(s, client))
            yield events[0]


def test_a_video_goes_in_and_the_simulator_says_that_the_task_is_done(stack: Stack, video: bytes) -> None:
    result = stack.client.execute(video_specification(video, str(TASK)), CancelToken(), RUN_LIMIT)
    assert result.error_code == ExecuteTask.Result.SUCCEEDED, result.message
    verdict = stack.client.check_task(str(TASK), 2.0)
    assert verdict.success, verdict.message


def test_goods_of_each_kind_go_where_the_video_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = FAMILIES["order_fulfilment"].tasks(8, 1, "test")[0]
    film = tmp_path / "task.mp4"
    record_video(task, 1000, "hand", film)
    with free_domain() as domain:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
        options = StackOptions(tmp_path, "order_fulfilment", seed=7, record=False, objects=8)
        with running(options) as (_, client):
            specification = video_specification(film.read_bytes(), str(task))
            result = client.execute(specification, CancelToken(), RUN_LIMIT)
            assert result.error_code == ExecuteTask.Result.SUCCEEDED, result.message
            verdict = client.check_task(str(task), 2.0)
            assert verdict.success, verdict.message
            assert len(verdict.right) == 8


@pytest.mark.parametrize("program", ["executor", "perception", "simulator", "planner"])
def test_a_killed_node_ends_the_run_with_an_error(stack: Stack, video: bytes, program: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(
            stack.client.execute, video_specification(video, str(TASK)), CancelToken(), RUN_LIMIT
        )
        assert stack.carrying.wait(RUN_LIMIT)
        os.kill(stack.supervisor.pid(program), signal.SIGKILL)
        if program == "planner":
            with pytest.raises(ActionError, match="died"):
                run.result(DEATH_LIMIT)
        else:
            result = run.result(DEATH_LIMIT)
            assert result.error_code in (
                ExecuteTask.Result.ROBOT_STOPPED,
                ExecuteTask.Result.NO_OBSERVATION,
            ), result.message
