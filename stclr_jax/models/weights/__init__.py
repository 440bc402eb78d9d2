"""Weights from others' files to our variables, and ours to files for others.

Files are hostile until read: nothing in them is run.
"""
