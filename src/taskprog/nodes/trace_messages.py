"""Between the machine's events and traces, and their ROS messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point as PointMsg
from sawyer_ntp.msg import DetectedObjects, StackFrame, TraceDescription, TraceEvent

from taskprog.machine import Event, EventKind, Scope, Trace
from taskprog.nodes.convert import from_stamp, place_of, to_stamp, upright_yaw
from taskprog.view.scene import SeenObject
from taskprog.view.step import Point, StackEntry, Step, target_of

_KINDS = {
    EventKind.CALL: TraceEvent.CALL,
    EventKind.OUTCOME: TraceEvent.OUTCOME,
    EventKind.RETURN: TraceEvent.RETURN,
    EventKind.FINISH: TraceEvent.FINISH,
}
_KINDS_BACK = {number: kind for kind, number in _KINDS.items()}


def event_message(
    event: Event,
    goal_id: str = "",
    stack: Sequence[StackEntry] = (),
    places: Mapping[str, Point] | None = None,
) -> TraceEvent:
    """An event of the run of goal ``goal_id`` (hex), in frame ``base``.

    Args:
        stack: the call stack after the event.
        places: centres of the objects in ``base``, metres, as observed before the event; from them
            follows where a move is heading.

    Raises:
        ValueError: an object's name reads as a number, and would not come back as a name.
    """
    message = TraceEvent(
        goal_id=goal_id,
        kind=_KINDS[event.kind],
        index=event.index,
        step=event.step,
        depth=event.depth,
        caller=event.caller,
        op=event.op,
        args=[argument_text(a) for a in event.args],
        scope_start=event.scope.start,
        scope_stop=event.scope.stop,
        outcome=event.outcome,
        message=event.message,
        observation=to_stamp(event.observation),
        stack=[StackFrame(op=e.op, scope_start=e.scope.start, scope_stop=e.scope.stop) for e in stack],
    )
    message.header.stamp = to_stamp(event.time)
    message.header.frame_id = "base"
    target = target_of(event, places or {})
    if target is not None:
        message.has_target = True
        message.target_object = str(event.args[0])
        message.target = PointMsg(x=target[0], y=target[1], z=target[2])
    return message


def event_from_message(message: TraceEvent) -> Event:
    """The inverse of ``event_message``; times are to the nanosecond.

    Raises:
        ValueError: the kind is none of the message's constants.
    """
    if message.kind not in _KINDS_BACK:
        raise ValueError(f"trace event {message.index} has kind {message.kind}, known are 0 to 3")
    return Event(
        _KINDS_BACK[message.kind],
        message.index,
        from_stamp(message.header.stamp),
        message.step,
        message.depth,
        message.caller,
        message.op,
        tuple(argument(text) for text in message.args),
        Scope(message.scope_start, message.scope_stop),
        message.outcome,
        message.message,
        from_stamp(message.observation),
    )


def step_from_message(message: TraceEvent) -> Step:
    """An event with its call stack and target, as viewers need it.

    Raises:
        ValueError: as ``event_from_message``.
    """
    t = message.target
    return Step(
        event_from_message(message),
        tuple(StackEntry(f.op, Scope(f.scope_start, f.scope_stop)) for f in message.stack),
        (t.x, t.y, t.z) if message.has_target else None,
        message.target_object,
    )


def description_message(
    trace: Trace, goal_id: str, stamp: Time, programs: Sequence[str], frames: int
) -> TraceDescription:
    """What the run of goal ``goal_id`` (hex) is about.

    Args:
        programs: names of all operations that may be called.
        frames: key frames of the task video.
    """
    message = TraceDescription(
        goal_id=goal_id,
        planner=trace.planner,
        task=trace.task,
        programs=list(programs),
        objects=list(trace.objects),
        frames=frames,
    )
    message.header.stamp = stamp
    message.header.frame_id = "base"
    return message


def trace_from_message(message: TraceDescription) -> Trace:
    """A trace without events yet, of the described run."""
    return Trace(message.planner, message.task, tuple(message.objects))


def seen_objects(message: DetectedObjects) -> list[SeenObject]:
    """Perception's objects for viewers, in the order of the message."""
    return [
        SeenObject(
            o.name,
            place_of(o.pose),
            upright_yaw(o.pose),
            o.size.z,
            o.visible,
        )
        for o in message.objects
    ]


def argument_text(value: str | float) -> str:
    """An argument of a call as a message carries it.

    Raises:
        ValueError: an object's name reads as a number, and would not come back as a name.
    """
    if isinstance(value, float):
        return repr(value)
    if isinstance(argument(value), float):
        raise ValueError(f"an object may not be called {value!r}: it reads as a number")
    return value


def argument(text: str) -> str | float:
    """The inverse of ``argument_text``."""
    with suppress(ValueError):
        return float(text)
    return text
