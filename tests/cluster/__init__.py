"""Clusters and images to test in; nothing here may import the operator, the agent or the copier.

One interface, `provider.Provider`, and three ways to honour it: `local` (Kubernetes from source
as child processes), `kind` and `existing`. `images` builds what the clusters run.
"""
