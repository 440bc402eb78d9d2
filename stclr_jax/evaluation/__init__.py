"""Numbers from arrays of predictions and representations.

No configs and no folders of runs; how a number came about is its `protocol`.
"""
