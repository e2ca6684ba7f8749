"""A guest that tells the truth about its disk: only the writer, its log and their comparison.

May not import anything but the standard library (it runs in the guest's image too), and knows
nothing of Detour: it judges a disk by what a VM was told about it.
"""
