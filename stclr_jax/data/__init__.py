"""Videos for training: in memory or in records, clips of them, folds.

Making data sets lives in the rooms below: `imports`, `drawn`. No networks here.
"""
