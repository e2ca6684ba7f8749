"""Moves on a real cluster amid faults that are drawn from a seed: ``make robustness``.

Unlike the harness it knows Detour's code and its nodes' processes: it kills them.
"""
