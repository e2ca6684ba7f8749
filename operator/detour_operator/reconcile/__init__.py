"""What both sides share, and nothing that knows either side, the API or kopf.

The queue, one pass for one object, publishing of a status only where it changed.
"""
