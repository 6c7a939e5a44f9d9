"""The simulator: PyBullet's world with a Sawyer, its controllers and camera; free of ROS."""
