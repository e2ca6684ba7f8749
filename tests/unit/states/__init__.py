"""Draws docs/states.md from the decisions: nothing is described here that was not enumerated.

``python -m unit.states`` fills the page's tables and diagrams in. What people wrote in a table's
last columns stays, under the name of its row.
"""
