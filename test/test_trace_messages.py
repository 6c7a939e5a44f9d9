"""Traces and markers as ROS messages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trace_example import OBJECTS, PLACES, example_steps, example_trace

rclpy = pytest.importorskip("rclpy", reason="needs ROS 2")

from builtin_interfaces.msg import Time  # noqa: E402
from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from sawyer_ntp.msg import DetectedObject, DetectedObjects, TraceEvent  # noqa: E402
from visualization_msgs.msg import Marker, MarkerArray  # noqa: E402

from taskprog.nodes.markers import TraceMarkers  # noqa: E402
from taskprog.nodes.trace_messages import (  # noqa: E402
    description_message,
    event_from_message,
    event_message,
    seen_objects,
    step_from_message,
    trace_from_message,
)
from taskprog.view import scene  # noqa: E402


def detected() -> DetectedObjects:
    message = DetectedObjects()
    for o in OBJECTS:
        one = DetectedObject(name=o.name, category="cube", visible=o.visible)
        one.pose.position.x, one.pose.position.y, one.pose.position.z = o.position
        one.pose.orientation.z, one.pose.orientation.w = 0.19866933079506122, 0.9800665778412416  # 0.4 rad
        one.size.x = one.size.y = one.size.z = o.size
        message.objects.append(one)
    return message


def messages() -> list[TraceEvent]:
    return [event_message(s.event, "c0ffee", s.stack, PLACES) for s in example_steps()]


def test_every_event_survives_the_way_through_a_message() -> None:
    for step in example_steps():
        sent = event_message(step.event, "c0ffee", step.stack, PLACES)
        received = deserialize_message(serialize_message(sent), TraceEvent)
        assert received.goal_id == "c0ffee"
        assert step_from_message(received) == step


def test_metres_survive_to_the_last_bit_and_stay_numbers() -> None:
    event = replace(example_trace().events[9], args=("green", 0.1 + 0.2))
    assert event_from_message(event_message(event)).args == ("green", 0.1 + 0.2)


def test_an_object_whose_name_reads_as_a_number_is_refused() -> None:
    event = replace(example_trace().events[9], args=("7", 0.045))
    with pytest.raises(ValueError, match="'7'"):
        event_message(event)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kind 9"):
        event_from_message(TraceEvent(kind=9))


def test_the_target_of_a_move_is_so_far_above_its_object() -> None:
    message = event_message(example_trace().events[9], places=PLACES)
    assert message.has_target
    assert message.target_object == "green"
    assert (message.target.x, message.target.y, message.target.z) == pytest.approx((0.6, 0.2, -0.0325))
    assert not event_message(example_trace().events[9]).has_target, "nobody knows where green is"
    assert not event_message(example_trace().events[5], places=PLACES).has_target, "close_gripper"


def test_a_description_says_who_does_what_to_which_objects() -> None:
    trace = example_trace()
    message = description_message(trace, "c0ffee", Time(sec=3), ("pick", "place"), 9)
    assert (message.goal_id, message.frames, list(message.programs)) == ("c0ffee", 9, ["pick", "place"])
    trace.events.clear()
    assert trace_from_message(message) == trace


def test_detected_objects_keep_place_yaw_and_size() -> None:
    green = seen_objects(detected())[1]
    assert green.position == OBJECTS[1].position
    assert (green.yaw, green.size) == pytest.approx((0.4, 0.045))


def added(array: MarkerArray) -> set[tuple[str, int]]:
    return {(m.ns, m.id) for m in array.markers if m.action == Marker.ADD}


def test_each_array_clears_what_was_shown_and_holds_the_whole_scene() -> None:
    markers = TraceMarkers()
    for count, message in enumerate(messages(), start=1):
        array = markers.add(message, detected())
        assert array.markers[0].action == Marker.DELETEALL
        assert added(array) == {s.key for s in scene.trace_shapes(example_steps(count), OBJECTS)}


def test_markers_are_in_base_and_carry_what_rviz_needs() -> None:
    markers = TraceMarkers()
    for message in messages()[:10]:
        array = markers.add(message, detected())
    by_key = {(m.ns, m.id): m for m in array.markers}
    assert {m.header.frame_id for m in array.markers} == {"base"}
    red = by_key[scene.OBJECTS, 0]
    assert (red.type, red.scale.x, red.pose.position.x) == (Marker.CUBE, 0.045, 0.5)
    assert red.color.a > 0
    green = by_key[scene.OBJECTS, 1]
    assert green.pose.orientation.z == pytest.approx(0.1987, abs=1e-4)
    arrow = by_key[scene.HEADING, 1]
    assert arrow.type == Marker.ARROW
    assert (arrow.points[1].x, arrow.points[1].y) == pytest.approx((0.6, 0.2))
    text = by_key[scene.STACK, 1]
    assert (text.type, text.text) == (Marker.TEXT_VIEW_FACING, "block_stacking [0:9]")
    assert all(m.pose.orientation.w != 0 for m in array.markers if m.action == Marker.ADD)


def test_a_new_run_starts_without_the_steps_of_the_last() -> None:
    markers = TraceMarkers()
    for message in messages():
        array = markers.add(message)
    assert (scene.STEPS, 0) in added(array)
    assert (scene.STEPS, 0) not in added(markers.add(messages()[0]))
