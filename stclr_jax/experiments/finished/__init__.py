"""Finished runs read back: pooled over folds, or paired video by video.

Nothing here starts a run.
"""
