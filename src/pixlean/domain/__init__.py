"""Frozen values, errors and the one table of formats.

Lives here: what every other room speaks about. Never here: anything beyond the standard library.
To add a format: one row in ``formats.py``.
"""
