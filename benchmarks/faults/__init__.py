"""A campaign of faults: are runs that are killed, stopped or damaged the same?

No speeds: those are for `step` and `pipeline`.
"""
