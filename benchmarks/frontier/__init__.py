"""Bytes at equal look, and what they cost: pixlean beside other encoders, by two metrics.

``encoders`` are values with a list of settings; ``points`` measures what one makes of a picture at one of them;
``curves`` reads bytes at a score off those points; ``page`` and ``plot`` show it; ``__main__`` is the command.
"""
