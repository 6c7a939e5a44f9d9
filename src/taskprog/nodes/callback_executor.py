"""The executor that spins our nodes: quick callbacks at once, those that may take long in threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import Any

from rclpy.action import ActionClient
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.client import Client
from rclpy.context import Context
from rclpy.executors import Executor, ShutdownException, TimeoutException, WaitableEntityType
from rclpy.node import Node
from rclpy.subscription import Subscription
from rclpy.task import Task
from rclpy.timer import Timer

QUICK = (Subscription, Timer, Client, ActionClient)  # whose callbacks run where the node is spun
# Blocking execute callbacks take a thread each: one runs, one may wait for its place, the rest serve both.
THREADS = 8


class LongCallbackGroup(MutuallyExclusiveCallbackGroup):
    """For callbacks that compute for long, or block, where others are quick: one of them at a time."""


class CallbackExecutor(Executor):
    """Runs callbacks of subscriptions, timers and clients in the thread that spins, all others in a pool.

    In their order, too: an action's feedback comes as it was sent, and before the result.
    Joint states, clock and heartbeats are most of a node's messages, and their callbacks take microseconds.
    rclpy's ``MultiThreadedExecutor`` hands each to a pool, is woken again when it is taken and when it has
    ended, and each time builds anew what it waits for: more than twice the processor time a message
    (``bench/bench_spin.py``). So these callbacks may not block nor wait for another one, unless they are in a
    ``LongCallbackGroup``. Those of servers may, of services and of actions.
    """

    def __init__(self, threads: int = THREADS, *, context: Context | None = None):
        super().__init__(context=context)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="callback")
        self._in_pool: set[Future[None]] = set()

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Run what is ready next, or wait for it.

        Raises:
            rclpy.executors.ExternalShutdownException: the context was shut down.
            Exception: what a callback raised, this one or an earlier one in the pool.
        """
        for future in [f for f in self._in_pool if f.done()]:
            self._in_pool.discard(future)
            future.result()
        try:
            task, entity, _ = self.wait_for_ready_callbacks(timeout_sec=timeout_sec)
        except (ShutdownException, TimeoutException):
            return
        if _is_quick(entity):
            task()
            task.result()
        else:
            future = self._pool.submit(_run, task)
            self._in_pool.add(future)
            future.add_done_callback(self._come_back_for_error)

    def _come_back_for_error(self, future: Future[None]) -> None:
        if future.exception() is not None:
            self.create_task(lambda: None)  # else whoever waits for messages learns of it with the next one

    def _make_handler(
        self, entity: WaitableEntityType, node: Node, take_from_wait_list: Callable[[Any], Any]
    ) -> Task:
        # rclpy's own handler wakes whoever spins twice, which here is the one who runs it.
        if not _is_quick(entity):
            return super()._make_handler(entity, node, take_from_wait_list)
        return Task(partial(_serve, entity, take_from_wait_list), executor=self)

    def finish(self, timeout: float) -> None:
        """Wait until the callbacks in the pool have ended, at most ``timeout`` seconds, and shut down.

        For the time when nobody spins any more. ``shutdown`` alone should wait, but never does (rclpy 7.1).
        """
        wait(self._in_pool, timeout)
        self._pool.shutdown(wait=False)
        self.shutdown(timeout)


def _is_quick(entity: WaitableEntityType | None) -> bool:
    return isinstance(entity, QUICK) and not isinstance(entity.callback_group, LongCallbackGroup)


def _serve(entity: WaitableEntityType, take: Callable[[Any], Any]) -> None:
    if not entity.callback_group.beginning_execution(entity):
        return
    try:
        callback = take(entity)
        if callback is not None:
            with suppress(StopIteration):  # how a coroutine returns; ours never wait
                callback().send(None)
    finally:
        entity.callback_group.ending_execution(entity)


def _run(task: Task) -> None:
    task()
    if task.done():  # else it waits for something, and comes again
        task.result()
