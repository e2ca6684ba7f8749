"""KubeVirt itself, built from its published module: what the stand-in is measured against."""
