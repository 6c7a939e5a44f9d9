"""Rethink's Intera 5, the software of a Sawyer: its topics and messages, and how to drive the arm by them."""
