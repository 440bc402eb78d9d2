"""Finds the videos of Oulu-CASIA in a folder or its zip archives.

No TFDS here: the builder packs what is found.
"""
