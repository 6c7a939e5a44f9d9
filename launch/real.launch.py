"""The stack around a real Sawyer: driver, perception, executor, planner, and if asked for recorder and rviz.

It enables nothing: `ros2 service call /sawyer_driver/enable std_srvs/srv/Trigger`. With ``fake:=true`` a
stand-in of the robot and cubes that need no camera take the place of the real ones.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, Shutdown
from launch.conditions import IfCondition, UnlessCondition
from launch.substitutions import LaunchConfiguration, NotEqualsSubstitution, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

PACKAGE = "sawyer_ntp"
BOOLEAN = ["true", "false"]
FAKE_PORT = "11311"
FAKE_MASTER = f"http://127.0.0.1:{FAKE_PORT}/"
CUBE_WIDTH = "45"  # millimetres
# Names that ROS or rviz fix as global; as relative ones, they keep the robots of several namespaces apart.
FRAMES = [("/tf", "tf"), ("/tf_static", "tf_static")]
# What the nodes call the camera's topics, and the argument that holds the driver's name for it.
CAMERA = {
    "camera/color/image_raw": "color_image",
    "camera/depth/image_raw": "depth_image",
    "camera/color/camera_info": "camera_info",
}

ARGUMENTS = [
    DeclareLaunchArgument(
        "master",
        default_value="http://sawyer.local:11311/",
        description="the robot's ROS 1 master",
    ),
    DeclareLaunchArgument(
        "host",
        default_value="",
        description="this machine's address as the robot reaches it; empty: found",
    ),
    DeclareLaunchArgument(
        "fake", default_value="false", choices=BOOLEAN, description="no robot, no camera: stand-ins for both"
    ),
    DeclareLaunchArgument("seed", default_value="0", description="with fake: of the cubes' places, from 0"),
    DeclareLaunchArgument(
        "color_image",
        default_value="camera/color/image_raw",
        description="topic of the camera's colour images, not distorted",
    ),
    DeclareLaunchArgument(
        "depth_image",
        default_value="camera/aligned_depth_to_color/image_raw",
        description="topic of depth images, pixel for pixel those of the colour images",
    ),
    DeclareLaunchArgument(
        "camera_info", default_value="camera/color/camera_info", description="topic of the colour camera_info"
    ),
    DeclareLaunchArgument(
        "calibration_file",
        default_value="",
        description="where the camera stands, from taskprog calibrate; empty: as the parameter file says",
    ),
    DeclareLaunchArgument(
        "camera_frame",
        default_value="",
        description="the camera's optical frame, put into tf where the calibration says; empty: tf has it",
    ),
    DeclareLaunchArgument("rviz", default_value="false", choices=BOOLEAN, description="start rviz"),
    DeclareLaunchArgument(
        "namespace", default_value="", description="of all nodes and topics, one for each robot"
    ),
    DeclareLaunchArgument(
        "planner",
        default_value="ntp",
        choices=["ntp", "npi"],
        description="planner of goals that name none: ntp follows videos, npi takes tasks in words",
    ),
    DeclareLaunchArgument(
        "checkpoint", default_value="", description="folder of a policy; empty: the shipped one"
    ),
    DeclareLaunchArgument(
        "record", default_value="", description="folder to record the run into; empty: no recording"
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([FindPackageShare(PACKAGE), "config", "real.yaml"]),
        description="parameters of the nodes; the arguments above come before it",
    ),
]


def text(argument: str) -> ParameterValue:
    """An argument as a text parameter, also where it looks like a number."""
    return ParameterValue(LaunchConfiguration(argument), value_type=str)


def node(executable: str, parameters: dict[str, object] | None = None, **options: object) -> Node:
    """One of our nodes, with the parameter file and then ``parameters``."""
    return Node(
        package=PACKAGE,
        executable=executable,
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file"), parameters or {}],
        remappings=[*FRAMES, *((name, LaunchConfiguration(own)) for name, own in CAMERA.items())],
        output="screen",
        **options,
    )


def generate_launch_description() -> LaunchDescription:
    """Called by ``ros2 launch``."""
    fake = LaunchConfiguration("fake")
    return LaunchDescription(
        [
            *ARGUMENTS,
            Node(
                package=PACKAGE,
                executable="fake_sawyer",
                arguments=["--port", FAKE_PORT, "--object-width", CUBE_WIDTH],
                output="screen",
                condition=IfCondition(fake),
            ),
            *(
                node(
                    "sawyer_driver",
                    {"master": master, "host": text("host")},
                    on_exit=Shutdown(reason="the driver ended"),
                    condition=condition(fake),
                )
                for master, condition in ((FAKE_MASTER, IfCondition), (text("master"), UnlessCondition))
            ),
            node(
                "perception",
                {"calibration_file": text("calibration_file"), "camera_frame": text("camera_frame")},
                condition=UnlessCondition(fake),
            ),
            node(
                "kinematic_cell",
                {"seed": ParameterValue(LaunchConfiguration("seed"), value_type=int)},
                condition=IfCondition(fake),
            ),
            node("executor"),
            node("planner", {"planner": text("planner"), "checkpoint": text("checkpoint")}),
            node(
                "recorder",
                {"folder": text("record")},
                condition=IfCondition(NotEqualsSubstitution(LaunchConfiguration("record"), "")),
            ),
            Node(
                package="rviz2",
                executable="rviz2",
                namespace=LaunchConfiguration("namespace"),
                arguments=[
                    "-d",
                    PathJoinSubstitution([FindPackageShare(PACKAGE), "config", "sawyer_ntp.rviz"]),
                ],
                remappings=FRAMES,
                condition=IfCondition(LaunchConfiguration("rviz")),
            ),
        ]
    )
