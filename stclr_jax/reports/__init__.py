"""What a run says: pages, pictures, and words for the terminal.

Nothing is computed here that another module needs.
"""
