"""A trained network on recordings: windows of a video's clock, faces, tables.

Recordings are read, and faces cut out, by the importer's own code. What names
the expression comes as an argument: nothing of `inference` is imported.
"""
