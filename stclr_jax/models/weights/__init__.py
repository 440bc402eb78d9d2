"""Weights that others trained, from their files to our variables.

Files are hostile until read: nothing in them is run.
"""
