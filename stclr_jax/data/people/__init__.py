"""Who is in a video: names, their spellings, and recordings that occur twice.

Nothing here reads records or deals folds; `data` does.
"""
