"""Parameters are declared with descriptors, and bad values are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.node import Node
from rclpy.parameter import Parameter
from ros_world import RosWorld

from taskprog.nodes.parameters import declare


def node(ros: RosWorld, **values: Any) -> Node:
    return ros.node("node", parameter_overrides=[Parameter(name, value=v) for name, v in values.items()])


def test_value_comes_from_the_start_or_is_the_default(ros: RosWorld) -> None:
    n = node(ros, speed=0.5)
    assert declare(n, "speed", 1.0, "share of the limits", minimum=0.0, maximum=1.0) == 0.5
    assert declare(n, "rate", 30, "Hz", minimum=1) == 30
    descriptor = n.describe_parameter("speed")
    assert (descriptor.description, descriptor.read_only) == ("share of the limits", True)
    assert descriptor.floating_point_range[0].to_value == 1.0
    assert n.describe_parameter("rate").integer_range[0].from_value == 1


@pytest.mark.parametrize("value", [1.5, -0.1, "fast", 1])
def test_out_of_range_and_wrong_type_are_refused(ros: RosWorld, value: Any) -> None:
    with pytest.raises(ValueError, match="speed"):
        declare(node(ros, speed=value), "speed", 1.0, "share of the limits", minimum=0.0, maximum=1.0)


def test_unknown_choice_is_refused_with_the_known_ones(ros: RosWorld) -> None:
    with pytest.raises(ValueError, match="pace is 'slow'; it should be one of fast, lockstep"):
        declare(node(ros, pace="slow"), "pace", "fast", "of time", choices=("fast", "lockstep"))


def test_text_has_no_range(ros: RosWorld) -> None:
    with pytest.raises(TypeError, match="only numbers"):
        declare(node(ros), "pace", "fast", "of time", minimum=1)
