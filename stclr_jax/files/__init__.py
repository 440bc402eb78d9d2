"""Files of any kind: written whole, locked, within limits; threads.

No module here knows what a video, a data set or a run is.
"""
