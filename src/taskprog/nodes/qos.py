"""Quality of service of our topics, written once so that both ends agree."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

# The last message reaches those who come late; also of /tf_static.
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
# Heartbeats, for those who listen: all nodes send on one topic, and with a depth of 1 one node's would push
# out another's that has not been read yet.
HEARTBEATS = QoSProfile(
    depth=50, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
# Joint states, frames, the clock: often, and old ones are of no use.
STATES = QoSProfile(depth=20)
# Nothing may be lost: events of a trace.
EVERY_EVENT = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
# Only the newest counts: objects for a planner.
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
# A camera's images and camera_info. Reliable, since a large image in lockstep must not be lost; for a camera
# driver that sends best effort, override it: qos_overrides./camera/color/image_raw.subscription.reliability.
CAMERA = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)
