"""What is to be imported, from a folder, a CSV file or a known data set.

Nothing is decoded here beyond what tells one kind of file from another.
"""
