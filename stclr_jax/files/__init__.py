"""What reads and writes any file: whole, locked, within limits, in threads.

No module here knows what a video, a data set or a run is.
"""
