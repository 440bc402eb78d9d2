"""Lists of recordings to import: of a folder, a CSV file or a known data set.

Nothing is decoded here beyond what tells one kind of file from another.
"""
