"""A cluster of child processes; only `provider` is for others, nothing here needs a registry.

Each node is a machine made of namespaces: its first process is the node's pid 1, and killing
that process is a power failure.
"""
