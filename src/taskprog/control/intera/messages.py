"""The messages of Intera that a driver needs; names and types of fields as in intera_core_msgs 5.0 to 5.5.

The md5 sums, which a test holds against those of the releases, prove that they are the same on the wire.
Commands, joint states and the rest have been the same in all releases; the two trees that have not,
robot states and devices' states, are here in both of their layouts.
"""

from __future__ import annotations

from tcpros import MessageTypes

_COMMON = {
    "std_msgs/Bool": "bool data",
    "std_msgs/Empty": "",
    "std_msgs/Float64": "float64 data",
    "std_msgs/UInt16": "uint16 data",
    "std_msgs/String": "string data",
    "std_msgs/Header": "uint32 seq\ntime stamp\nstring frame_id",
    "geometry_msgs/Point": "float64 x\nfloat64 y\nfloat64 z",
    "geometry_msgs/Quaternion": "float64 x\nfloat64 y\nfloat64 z\nfloat64 w",
    "geometry_msgs/Vector3": "float64 x\nfloat64 y\nfloat64 z",
    "geometry_msgs/Pose": "Point position\nQuaternion orientation",
    "geometry_msgs/Twist": "Vector3 linear\nVector3 angular",
    "geometry_msgs/Wrench": "Vector3 force\nVector3 torque",
    "sensor_msgs/JointState": """
        Header header
        string[] name
        float64[] position
        float64[] velocity
        float64[] effort""",
    "intera_core_msgs/JointCommand": """
        Header header
        int32 mode
        string[] names
        float64[] position
        float64[] velocity
        float64[] acceleration
        float64[] effort
        int32 POSITION_MODE=1
        int32 VELOCITY_MODE=2
        int32 TORQUE_MODE=3
        int32 TRAJECTORY_MODE=4""",
    "intera_core_msgs/EndpointState": """
        Header header
        geometry_msgs/Pose pose
        geometry_msgs/Twist twist
        geometry_msgs/Wrench wrench
        bool valid""",
    "intera_core_msgs/CollisionDetectionState": "std_msgs/Header header\nbool collision_state",
    "intera_core_msgs/JointLimits": """
        string[] joint_names
        float64[] position_lower
        float64[] position_upper
        float64[] velocity
        float64[] accel
        float64[] effort""",
    "intera_core_msgs/IOComponentCommand": "time time\nstring op\nstring args",
}
_ESTOP = """
        bool ready
        bool enabled
        bool stopped
        bool error
        bool lowVoltage
        uint8 estop_button
        uint8 ESTOP_BUTTON_UNPRESSED=0
        uint8 ESTOP_BUTTON_PRESSED=1
        uint8 ESTOP_BUTTON_UNKNOWN=2
        uint8 ESTOP_BUTTON_RELEASED=3
        uint8 estop_source
        uint8 ESTOP_SOURCE_NONE=0
        uint8 ESTOP_SOURCE_USER=1
        uint8 ESTOP_SOURCE_UNKNOWN=2
        uint8 ESTOP_SOURCE_FAULT=3
        uint8 """


def _devices(first: str, second: str) -> dict[str, str]:
    """The tree of device states; only two field names of IOStatus have changed over time."""
    return {
        "intera_core_msgs/IOStatus": f"""
            string tag
            string DOWN=down
            string READY=ready
            string BUSY=busy
            string UNREADY=unready
            string ERROR=error
            string {first}
            string {second}""",
        "intera_core_msgs/IOComponentStatus": "string name\nIOStatus status",
        "intera_core_msgs/IODataStatus": "string name\nstring format\nstring data\nIOStatus status",
        "intera_core_msgs/IODeviceStatus": """
            time time
            IOComponentStatus device
            IODataStatus[] ports
            IODataStatus[] signals
            time[] commands
            string[] responses""",
        "intera_core_msgs/IONodeStatus": """
            time time
            IOComponentStatus node
            IOComponentStatus[] devices
            time[] commands""",
    }


# Intera 5.3 and later; of devices also 5.2.
TYPES = MessageTypes(
    _COMMON
    | _devices("id", "detail")
    | {"intera_core_msgs/RobotAssemblyState": f"bool homed{_ESTOP}ESTOP_SOURCE_ENGINE=4"}
)
# Intera 5.0 and 5.1; of robot states also 5.2.
OLD_TYPES = MessageTypes(
    _COMMON | _devices("key", "msg") | {"intera_core_msgs/AssemblyState": f"{_ESTOP}ESTOP_SOURCE_BRAIN=4"}
)

BOOL = TYPES["std_msgs/Bool"]
EMPTY = TYPES["std_msgs/Empty"]
FLOAT64 = TYPES["std_msgs/Float64"]
JOINT_STATE = TYPES["sensor_msgs/JointState"]
JOINT_COMMAND = TYPES["intera_core_msgs/JointCommand"]
COLLISION = TYPES["intera_core_msgs/CollisionDetectionState"]
ENDPOINT_STATE = TYPES["intera_core_msgs/EndpointState"]
JOINT_LIMITS = TYPES["intera_core_msgs/JointLimits"]
IO_COMMAND = TYPES["intera_core_msgs/IOComponentCommand"]
# A subscriber takes all of these; the publisher's md5 sum chooses.
ROBOT_STATES = (TYPES["intera_core_msgs/RobotAssemblyState"], OLD_TYPES["intera_core_msgs/AssemblyState"])
DEVICE_STATES = (TYPES["intera_core_msgs/IODeviceStatus"], OLD_TYPES["intera_core_msgs/IODeviceStatus"])
NODE_STATES = (TYPES["intera_core_msgs/IONodeStatus"], OLD_TYPES["intera_core_msgs/IONodeStatus"])

POSITION_MODE, VELOCITY_MODE, TORQUE_MODE, TRAJECTORY_MODE = 1, 2, 3, 4
BUTTON_UNPRESSED, BUTTON_PRESSED, BUTTON_UNKNOWN, BUTTON_RELEASED = 0, 1, 2, 3
SOURCE_NONE, SOURCE_USER, SOURCE_UNKNOWN, SOURCE_FAULT, SOURCE_ENGINE = 0, 1, 2, 3, 4
