"""The only room that names concrete backends.

``accounts`` is what commands need, ``rooms`` all that works, ``application`` the server and the worker.
"""
