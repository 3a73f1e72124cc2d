"""The kit that codecs are made with: the codec contract, pixels, colour, metadata, perception, encoders.

Never here: the choice of what to try (codecs say that) or of what wins (the engine does).
"""
