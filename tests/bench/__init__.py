"""Benchmarks: ratios within one run, on a cluster where nothing else runs; nothing is asserted."""
