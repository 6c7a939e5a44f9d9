"""An action client that may be called from any thread while another one spins its node."""

from __future__ import annotations

import threading
from typing import Any

import rclpy.action
from rclpy.task import Future


class ActionClient(rclpy.action.ActionClient):
    """rclpy's client, whose requests are noted before their responses are looked at.

    rclpy 7.1.6 sends a request first and notes its number after, so that a quick server's response can
    be taken in between by the thread that spins. It is then thrown away ("Ignoring unexpected goal
    response"), and the future never completes.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        self._noting = threading.Lock()
        super().__init__(*args, **kwargs)

    def take_data(self) -> Any:
        """See ``rclpy.waitable.Waitable``."""
        with self._noting:
            return super().take_data()

    def send_goal_async(self, *args: Any, **kwargs: Any) -> Future:
        """See ``rclpy.action.ActionClient``."""
        with self._noting:
            return super().send_goal_async(*args, **kwargs)

    def _get_result_async(self, goal_handle: Any) -> Future:
        with self._noting:
            return super()._get_result_async(goal_handle)

    def _cancel_goal_async(self, goal_handle: Any) -> Future:
        with self._noting:
            return super()._cancel_goal_async(goal_handle)
