"""Finished runs read back: pooled over folds, paired, or as a table.

Nothing here starts a run.
"""
