"""Frozen values, errors, the one table of formats, and files in memory.

Lives here: what every other room speaks about. Never here: anything beyond the standard library.
To add a format: one row in ``formats.py``.
"""
