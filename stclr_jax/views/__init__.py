"""From a video to a clip, and from a clip to an augmented view.

Pure functions of keys and arrays, on any device. No files, no networks.
"""
