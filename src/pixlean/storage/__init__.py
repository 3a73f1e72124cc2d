"""Where bytes are kept: other people's buckets, and our own cache.

Never here: HTTP, what the bytes mean. To add a store: one row in ``Provider`` and its branch in ``objects.py``.
"""
