"""Many runs: cross-validation, the paper's tables, baselines, conditions.

They call `workflows` and put together what those found.
"""
