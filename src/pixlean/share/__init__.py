"""What several serving processes of one server have in common: a table in memory, and what is taken by it.

A server of one process (``WORKERS=1``) has none of this.
"""
