"""Between a planner's decisions, with what they were made from, and their ROS messages."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point
from sawyer_ntp.msg import Decision as DecisionMessage

from taskprog.machine import Call, Decision, Frame, Library, Observation, PlannerError, Scope
from taskprog.nodes.convert import from_stamp, to_stamp, upright_pose, upright_yaw
from taskprog.nodes.trace_messages import argument, argument_text

Made = tuple[Frame, Observation, Decision | PlannerError]  # who was asked, what was seen, what was chosen


def decision_message(made: Made, goal_id: str = "", index: int = 0) -> DecisionMessage:
    """The decision with that index of goal ``goal_id`` (hex); what was seen is in frame ``base``."""
    frame, seen, chosen = made
    message = DecisionMessage(
        goal_id=goal_id,
        index=index,
        program=frame.op.name,
        program_args=[argument_text(a) for a in frame.args],
        depth=frame.depth,
        last=frame.last,
        scope_start=frame.scope.start,
        scope_stop=frame.scope.stop,
        objects=list(seen.names),
        poses=[
            upright_pose(*place) for place in zip(seen.positions.tolist(), seen.yaws.tolist(), strict=True)
        ],
        gripper=Point(**dict(zip("xyz", seen.gripper.tolist(), strict=True))),
        closed=bool(seen.closed),
        holding=bool(seen.holding),
    )
    message.header.stamp = to_stamp(seen.stamp)
    message.header.frame_id = "base"
    if isinstance(chosen, PlannerError):
        message.error = str(chosen) or type(chosen).__name__
        return message
    message.ends = chosen.end
    if chosen.call is not None:
        scope = chosen.scope or frame.scope
        message.op = chosen.call.op.name
        message.op_args = [argument_text(a) for a in chosen.call.args]
        message.op_scope_start, message.op_scope_stop = scope.start, scope.stop
    return message


def decision_from_message(message: DecisionMessage, library: Library) -> Made:
    """The inverse of ``decision_message``, without what recurrent planners remember.

    Args:
        library: the planner's.

    Raises:
        ValueError: the library has no such operation, or the decision is none.
    """
    frame = Frame(
        _call(library, message.program, message.program_args).op,
        Scope(message.scope_start, message.scope_stop),
        message.depth,
        message.last,
        args=tuple(argument(text) for text in message.program_args),
    )
    places = [(p.position.x, p.position.y, p.position.z) for p in message.poses]
    seen = Observation(
        from_stamp(message.header.stamp),
        tuple(message.objects),
        np.array(places, np.float32).reshape(-1, 3),
        np.array([upright_yaw(pose) for pose in message.poses], np.float32),
        np.array([message.gripper.x, message.gripper.y, message.gripper.z], np.float32),
        message.closed,
        message.holding,
    )
    if message.error:
        return frame, seen, PlannerError(message.error)
    if not message.op:
        return frame, seen, Decision(None, end=message.ends)
    scope = Scope(message.op_scope_start, message.op_scope_stop)
    return frame, seen, Decision(_call(library, message.op, message.op_args), scope, message.ends)


def _call(library: Library, name: str, texts: list[str]) -> Call:
    if name not in library:
        raise ValueError(f"the library has no operation {name!r}, only {', '.join(library)}")
    return Call(library[name], tuple(argument(text) for text in texts))
