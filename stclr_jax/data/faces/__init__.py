"""Finds faces in frames, and cuts one square around each.

Frames in, boxes or frames out: no files, no listings.
"""
