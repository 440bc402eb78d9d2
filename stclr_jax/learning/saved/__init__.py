"""Trained networks on disk: checkpoints, and the network that a run chooses.

Every reader is told of damage; of several processes the first one alone writes
and reads.
"""
