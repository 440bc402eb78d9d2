"""Steps as they run: processes that join, XLA's settings, programs made once.

No mathematics: that is in the steps themselves.
"""
