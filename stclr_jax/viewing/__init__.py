"""A video beside its predictions: a page, a copy with boxes, a local server.

Nothing here predicts, and no page asks anything of another machine.
"""
