"""From a folder or its zip archives to the videos of Oulu-CASIA in it.

No TFDS here: the builder packs what is found.
"""
