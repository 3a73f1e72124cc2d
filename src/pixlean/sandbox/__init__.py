"""Pictures are decoded and encoded in child processes only; this room starts, feeds and replaces them.

``pool`` is the parent's side and imports no codec; ``child`` is the only importer of the engine; ``confine``
locks a child down; ``wire`` is what the two say to each other.
"""
