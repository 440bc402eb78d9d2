"""Pages, pictures, and words for the terminal, of finished runs.

Nothing is computed here that another module needs.
"""
