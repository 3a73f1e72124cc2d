"""Measurements: what pixlean does to pictures (run, server), under load (load, accounts, jobs), and beside peers.

They see pixlean by its public face; ``accounts`` and ``jobs`` also fill databases by its own rooms.
"""
