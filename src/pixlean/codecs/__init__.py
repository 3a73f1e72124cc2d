"""One file per format; ``ls`` answers which formats there are.

Each module satisfies ``imaging.contract.Codec`` with plain functions and knows no other codec.
To add one: a file here, a row in ``domain/formats.py``, a line in ``engine/registry.py``.
"""
