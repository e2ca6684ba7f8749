"""What enters other namespaces or changes mounts, nodes or device rules may stand here, no more.

``child`` runs as a child process of its own, because a process with threads may not enter a mount
namespace (setns(2)). Paths that a guest's owner could have written to are resolved without
following links.
"""
