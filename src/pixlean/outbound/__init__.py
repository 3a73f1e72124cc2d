"""The only door to the network outside: every address is judged at the moment it is connected to.

Never here: what is done with the bytes. To reach another kind of place, go through ``guard`` and ``fetch``.
"""
