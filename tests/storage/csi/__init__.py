"""The test CSI driver: its program, its manifests and its tests; needs root, not a cluster."""
