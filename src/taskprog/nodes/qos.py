"""Quality of service of our topics, written once so that both ends agree."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

# The last message reaches those who come late.
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
# Nothing may be lost: events of a trace.
EVERY_EVENT = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
# Only the newest counts: objects for a planner.
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
