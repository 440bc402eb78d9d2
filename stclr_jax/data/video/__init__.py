"""Frames of video files: upright, at a stated rate, with an honest clock.

The only room that imports PyAV. It knows neither listings nor people.
"""
