"""One step of training: loss, gradients, devices, optimiser, checkpoint.

No configs, no loops, no data sets: those are for `runs`.
"""
