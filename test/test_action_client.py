"""Requests whose responses come back before rclpy has noted them."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from ros_world import TIMEOUT, Background, RosWorld
from sawyer_ntp.action import MoveTo

from taskprog.machine import CancelToken
from taskprog.nodes.action_client import ActionClient
from taskprog.nodes.call import call_action, wait_for_server
from taskprog.nodes.single_goal import Feedback, SingleGoalServer


class LateHandle:
    """Lets the response arrive before a request's number is returned."""

    def __init__(self, handle: Any):
        self._handle = handle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)

    def __enter__(self) -> Any:
        return self._handle.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.__exit__(kind, error, trace)

    def send_goal_request(self, request: Any) -> int:
        return self._late(self._handle.send_goal_request(request))

    def send_result_request(self, request: Any) -> int:
        return self._late(self._handle.send_result_request(request))

    def _late(self, number: int) -> int:
        threading.Event().wait(0.2)
        return number


def test_a_quick_response_is_not_lost(ros: RosWorld) -> None:
    def execute(goal: MoveTo.Goal, cancel: CancelToken, feedback: Feedback) -> MoveTo.Result:
        return MoveTo.Result(message="done")

    SingleGoalServer(
        ros.node("server"),
        MoveTo,
        "move_to",
        accept=lambda goal: None,
        execute=execute,
        failure=lambda text: MoveTo.Result(error_code=1, message=text),
    )
    client = ActionClient(ros.node("client"), MoveTo, "move_to")
    wait_for_server(client, TIMEOUT)
    client._client_handle = LateHandle(client._client_handle)
    call = Background(lambda: call_action(client, MoveTo.Goal(), CancelToken(), TIMEOUT))
    assert call.result().message == "done"
