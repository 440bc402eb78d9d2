"""Kernels of our own, written with Pallas, for what XLA does not fuse.

Arrays in, arrays out; no parameters. A CPU computes them step by step.
"""
