"""Predictions as tables: their columns, their words, their files.

What is predicted is handed in as data; nothing here looks at recordings.
"""
