"""Run by Debian's own python3: the stand-in of a Sawyer on genuine rospy and genpy instead of tcpros.

Each line on standard input is answered by one of JSON: ``report``, or a method of the stand-in.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import rospy
from genpy.dynamic import generate_dynamic

from taskprog_sim.intera.sawyer import FakeSawyer, parameters
from tcpros import Message, MessageType


class RospyLink:
    """Topics by rospy, with message classes that genpy makes from the definitions."""

    def advertise(self, topic: str, kind: MessageType, latched: bool) -> Callable[[Message], object]:
        own = generate_dynamic(kind.name, kind.definition)[kind.name]
        publisher = rospy.Publisher(topic, own, queue_size=1, latch=latched, tcp_nodelay=True)
        return lambda message: publisher.publish(own().deserialize(kind.encode(message)))

    def subscribe(self, topic: str, kind: MessageType, callback: Callable[[Any], None]) -> None:
        own = generate_dynamic(kind.name, kind.definition)[kind.name]
        rospy.Subscriber(topic, own, callback, queue_size=1, tcp_nodelay=True)


def main() -> None:
    rospy.init_node("realtime_loop", disable_signals=True)
    for name, value in parameters("<robot name='sawyer'/>").items():
        rospy.set_param(name, value)
    robot = FakeSawyer(RospyLink())
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        with robot.lock:
            if line.strip() == "report":
                ledger = robot.arm.ledger
                answer: Any = {
                    "positions": robot.arm.positions,
                    "received": ledger.received,
                    "refused": ledger.refused,
                    "most": max(ledger.step, ledger.speed, ledger.acceleration),
                    "opening": robot.gripper.position,
                }
            else:
                answer = getattr(robot, line.strip())()
        print(json.dumps(answer), flush=True)


main()
