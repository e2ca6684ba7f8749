"""Only here the Kubernetes API is called; no decision is made here.

Each module owns one kind of object. The client's errors are translated once, in ``client``.
"""
