# Finds the generators of rosidl_generate_interfaces(): all of them, or, with -DPYTHON_INTERFACES_ONLY=ON, the ones that
# Python nodes need. C++ takes most of the time, and nobody in this package uses it.
# (C introspection is needed, although rclpy does not use it: rmw_fastrtps describes types to DDS with it.)

option(PYTHON_INTERFACES_ONLY "Generate interfaces for Python only" OFF)

find_package(rosidl_default_generators REQUIRED)

if(PYTHON_INTERFACES_ONLY)
  # Each generator registers itself as "<package>:<file>" when it is found.
  list(FILTER AMENT_EXTENSIONS_rosidl_generate_idl_interfaces EXCLUDE REGEX "_cpp:")
endif()
