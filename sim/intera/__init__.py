"""A stand-in for a Sawyer: Intera's topics over a kinematic arm, with faults and a ledger of commands.

Written against the contract of Intera 5 as its messages, SDK and documentation tell it, not against the
driver. Needs nothing but the standard library, so that it also runs under Debian's rospy.
"""
