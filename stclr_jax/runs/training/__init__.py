"""The loop that every training shares, and what ends it before its time.

No networks, no data sets: those are planned by `workflows`.
"""
