"""Checks of whether a run can be meant: its config, the classes of its data.

Refused or said before anything is written or trained. Nothing here reads a
run's folder or makes one of its parts.
"""
