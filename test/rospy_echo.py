"""Run by Debian's own python3: a genuine rospy node that sends /ping back as /pong, and latches /word."""

import rospy
from sensor_msgs.msg import JointState
from std_msgs.msg import String


def main() -> None:
    rospy.init_node("echo")
    word = rospy.Publisher("/word", String, queue_size=1, latch=True)
    word.publish(String(data="latched"))
    pong = rospy.Publisher("/pong", JointState, queue_size=10)
    rospy.Subscriber("/ping", JointState, pong.publish, tcp_nodelay=True)
    rospy.spin()


main()
