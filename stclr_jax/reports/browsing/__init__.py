"""The page of a data set: counts, videos, and views of them.

Made for `browse`; no run is looked at here.
"""
