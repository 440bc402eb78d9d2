"""Frames of picture files: formats, sizes, opacity, sequences by name.

One file or a list of names at a time: walking folders is for `listings`.
"""
