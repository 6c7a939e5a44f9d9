"""Neural Task Programming for a robot arm: the library under the ROS 2 package ``sawyer_ntp``.

Layers, each importing only from those below it::

    nodes  cli             rclpy adapters and the command line
    planners               NTP (torch)
    perception  control    cameras and task videos | kinematics, trajectories, primitives
    tasks                  block stacking, its expert, the kinematic twin
    machine                Op, TaskSpecification, Machine, Trace
"""

__version__ = "0.1.0"
