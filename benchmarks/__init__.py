"""Measurements behind the claims of README, cards and datasheets; run as `python -m benchmarks.NAME`."""
