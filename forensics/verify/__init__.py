"""Proving facts over distinct inputs, and the appraisal that joins facts with time.

Nothing here reads a file or a clock: bytes, trust anchors and moments are arguments.
"""
