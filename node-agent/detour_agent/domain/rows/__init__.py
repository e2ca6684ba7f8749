"""Rows of the recovery table may stand here and nothing else.

One module per part of the table, each with a tuple ``RULES``.
"""
