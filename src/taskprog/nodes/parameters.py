"""Declares node parameters with description, range or choices; values are read once, at start."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node

V = TypeVar("V", bool, int, float, str, list[str], list[float])


def declare(
    node: Node,
    name: str,
    default: V,
    description: str,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] = (),
) -> V:
    """Declare a read-only parameter and return its value.

    Args:
        description: what it does, with its unit.
        minimum, maximum: inclusive bounds of a number.
        choices: all values that a text may have.

    Raises:
        ValueError: the value given at start has the wrong type, or is out of range.
    """
    descriptor = ParameterDescriptor(name=name, description=description, read_only=True)
    if minimum is not None or maximum is not None:
        if isinstance(default, float):
            low = -sys.float_info.max if minimum is None else float(minimum)
            high = sys.float_info.max if maximum is None else float(maximum)
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        elif isinstance(default, int) and not isinstance(default, bool):
            bottom = -(2**63) if minimum is None else int(minimum)
            top = 2**63 - 1 if maximum is None else int(maximum)
            descriptor.integer_range = [IntegerRange(from_value=bottom, to_value=top, step=1)]
        else:
            raise TypeError(f"parameter {name}: only numbers have a range, not {type(default).__name__}")
    if choices:
        descriptor.additional_constraints = f"one of: {', '.join(choices)}"
    try:
        value: V = node.declare_parameter(name, default, descriptor).value
    except ParameterException as error:
        raise ValueError(f"parameter {name} ({description}): {error}") from error
    if choices and value not in choices:
        raise ValueError(f"parameter {name} is {value!r}; it should be one of {', '.join(choices)}")
    return value
