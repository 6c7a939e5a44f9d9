"""The simulated stack: simulator, perception, executor, planner, and if asked for recorder and rviz."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, Shutdown
from launch.conditions import IfCondition
from launch.substitutions import (
    LaunchConfiguration,
    NotEqualsSubstitution,
    PathJoinSubstitution,
    PythonExpression,
)
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

PACKAGE = "sawyer_ntp"
BOOLEAN = ["true", "false"]
# Names that ROS or rviz fix as global; as relative ones, they keep the robots of several namespaces apart.
OWN_TIME_AND_FRAMES = [("/clock", "clock"), ("/tf", "tf"), ("/tf_static", "tf_static")]

STACKING, ORDERS = "block_stacking", "order_fulfilment"  # families of tasks, and their scenes


def if_orders(argument: str, then: str, otherwise: str) -> PythonExpression:
    """One of two texts, by whether an argument asks for order fulfilment."""
    return PythonExpression(
        ["'", then, "' if '", LaunchConfiguration(argument), f"' == '{ORDERS}' else '", otherwise, "'"]
    )


ARGUMENTS = [
    DeclareLaunchArgument(
        "gui", default_value="false", choices=BOOLEAN, description="open PyBullet's window"
    ),
    DeclareLaunchArgument("rviz", default_value="false", choices=BOOLEAN, description="start rviz"),
    DeclareLaunchArgument(
        "scene",
        default_value="block_stacking",
        description="what stands on the simulated table: block_stacking, order_fulfilment, or a scene file",
    ),
    DeclareLaunchArgument(
        "family",
        default_value=if_orders("scene", ORDERS, STACKING),
        choices=[STACKING, ORDERS],
        description="kind of tasks, which chooses detector and policy; by default that of the scene",
    ),
    DeclareLaunchArgument(
        "objects", default_value="0", description="that can be taken; 0: the scene's own number"
    ),
    DeclareLaunchArgument(
        "clutter", default_value="false", choices=BOOLEAN, description="let some objects touch"
    ),
    DeclareLaunchArgument("seed", default_value="0", description="of the start layout, from 0"),
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
        "pace",
        default_value="realtime",
        choices=["realtime", "fast", "lockstep"],
        description="of simulated time: as the wall's, as fast as possible, or only while something moves",
    ),
    DeclareLaunchArgument(
        "record", default_value="", description="folder to record the run into; empty: no recording"
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([FindPackageShare(PACKAGE), "config", "sim.yaml"]),
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
        remappings=OWN_TIME_AND_FRAMES,
        output="screen",
        **options,
    )


def generate_launch_description() -> LaunchDescription:
    """Called by ``ros2 launch``."""
    return LaunchDescription(
        [
            *ARGUMENTS,
            node(
                "simulator",
                {
                    "gui": ParameterValue(LaunchConfiguration("gui"), value_type=bool),
                    "scene": text("scene"),
                    "objects": ParameterValue(LaunchConfiguration("objects"), value_type=int),
                    "clutter": ParameterValue(LaunchConfiguration("clutter"), value_type=bool),
                    "seed": ParameterValue(LaunchConfiguration("seed"), value_type=int),
                    "pace": text("pace"),
                },
                on_exit=Shutdown(reason="the simulator ended"),
            ),
            node("perception", {"detector": if_orders("family", "goods", "cubes")}),
            node("executor"),
            node(
                "planner",
                {"planner": text("planner"), "family": text("family"), "checkpoint": text("checkpoint")},
            ),
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
                parameters=[{"use_sim_time": True}],
                remappings=OWN_TIME_AND_FRAMES,
                condition=IfCondition(LaunchConfiguration("rviz")),
            ),
        ]
    )
