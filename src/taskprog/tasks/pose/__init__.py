"""Turning a rendered shape to a given pose: NPI's third environment, seen in pictures."""
