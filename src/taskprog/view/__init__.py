"""Looking at programs as they run: call trees, 3-D shapes, and pictures of both. Free of ROS."""
