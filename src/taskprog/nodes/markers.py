"""A run as rviz markers: the shapes of ``taskprog.view.scene`` in a MarkerArray."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, sin

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point as PointMsg
from geometry_msgs.msg import Vector3
from sawyer_ntp.msg import DetectedObjects, TraceEvent
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from taskprog.nodes.trace_messages import seen_objects, step_from_message
from taskprog.view.scene import trace_shapes
from taskprog.view.shapes import Shape, ShapeKind
from taskprog.view.step import Step

FRAME = "base"

_TYPES = {
    ShapeKind.CUBE: Marker.CUBE,
    ShapeKind.SPHERE: Marker.SPHERE,
    ShapeKind.ARROW: Marker.ARROW,
    ShapeKind.PATH: Marker.LINE_STRIP,
    ShapeKind.SEGMENTS: Marker.LINE_LIST,
    ShapeKind.TEXT: Marker.TEXT_VIEW_FACING,
}
# An arrow's head: diameter and length as multiples of the shaft's diameter.
_HEAD_WIDTH, _HEAD_LENGTH = 2.5, 3.5


def marker_of(shape: Shape, stamp: Time) -> Marker:
    """One shape as a marker in frame ``base``, without end of life."""
    marker = Marker(ns=shape.namespace, id=shape.id, type=_TYPES[shape.kind], action=Marker.ADD)
    marker.header.frame_id = FRAME
    marker.header.stamp = stamp
    marker.color = ColorRGBA(**dict(zip("rgba", map(float, shape.colour), strict=True)))
    marker.pose.orientation.w = 1.0
    points = [PointMsg(x=x, y=y, z=z) for x, y, z in shape.points]
    size = shape.size
    match shape.kind:
        case ShapeKind.CUBE | ShapeKind.SPHERE:
            marker.pose.position = points[0]
            marker.pose.orientation.z, marker.pose.orientation.w = sin(shape.yaw / 2), cos(shape.yaw / 2)
            marker.scale = Vector3(x=size, y=size, z=size)
        case ShapeKind.TEXT:
            marker.pose.position = points[0]
            marker.scale.z = size
            marker.text = shape.text
        case ShapeKind.ARROW:
            marker.points = points
            marker.scale = Vector3(x=size, y=size * _HEAD_WIDTH, z=size * _HEAD_LENGTH)
        case ShapeKind.PATH | ShapeKind.SEGMENTS:
            marker.points = points
            marker.scale.x = size
    return marker


def marker_array(shapes: Sequence[Shape], stamp: Time) -> MarkerArray:
    """All shapes, after a DELETEALL: a viewer that missed some arrays is right again with the next one."""
    clear = Marker(action=Marker.DELETEALL)
    clear.header.frame_id = FRAME
    clear.header.stamp = stamp
    return MarkerArray(markers=[clear, *(marker_of(shape, stamp) for shape in shapes)])


class TraceMarkers:
    """The markers of the present run; each array is complete, so that a late viewer needs only the last."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def add(self, message: TraceEvent, objects: DetectedObjects | None = None) -> MarkerArray:
        """Take in the next event, and show the run as it is after it.

        Args:
            message: one with index 0 starts a new run.
            objects: the newest of perception.

        Raises:
            ValueError: the event's kind is unknown.
        """
        if message.index == 0:
            self._steps.clear()
        self._steps.append(step_from_message(message))
        seen = () if objects is None else seen_objects(objects)
        return marker_array(trace_shapes(self._steps, seen), message.header.stamp)
