"""People in videos: names, their spellings, recordings that occur twice.

Nothing here reads records or deals folds; `data` does.
"""
