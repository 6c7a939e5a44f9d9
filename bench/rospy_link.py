"""Run by Debian's own python3 as ends of links to measure: ``rospy_link.py send|receive|both SECONDS TOPIC``.

``send`` publishes the topic at 100 Hz; ``receive`` takes it; ``both`` publishes it and takes /down. What was
taken is printed as JSON: pairs of sequence number and latency in seconds.
"""

import json
import sys
import time

import rospy
from sensor_msgs.msg import JointState

NAMES = ["head_pan", *(f"right_j{i}" for i in range(7)), "torso_t0"]


def main() -> None:
    role, seconds, up = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    rospy.init_node(f"{role}{up.replace('/', '_')}", disable_signals=True)
    taken: list[tuple[int, float]] = []

    def take(message: JointState) -> None:
        taken.append((message.header.seq, time.time() - message.header.stamp.to_sec()))

    if role != "send":
        rospy.Subscriber(up if role == "receive" else "/down", JointState, take, tcp_nodelay=True)
    end = time.monotonic() + seconds
    if role == "receive":
        time.sleep(seconds)
    else:
        publisher = rospy.Publisher(up, JointState, queue_size=1, tcp_nodelay=True)
        due = time.monotonic()
        while time.monotonic() < end:
            message = JointState(name=NAMES, position=[0.1] * 9, velocity=[0.2] * 9, effort=[0.3] * 9)
            message.header.stamp = rospy.Time.from_sec(time.time())
            publisher.publish(message)
            due += 0.01
            time.sleep(max(0.0, due - time.monotonic()))
    print(json.dumps([[n, round(t, 6)] for n, t in taken]))


main()
