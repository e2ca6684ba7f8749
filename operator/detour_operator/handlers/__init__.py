"""kopf lives here only; nothing is decided here and no object is changed.

Triggers (events of our objects, watches of our pods and Jobs) only put keys on the queue.
"""
