"""Audits of representations: expression, person and light in them, and where.

From arrays; who makes those of a run is `runs/representations`.
"""
