"""The embedded data set: performances, shapes and their drawing.

Only numbers and OpenCV: no files but those it writes, no other data set.
"""
