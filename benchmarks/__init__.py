"""Measurements; they import only pixlean's public face and the peers."""
