"""A cluster in a Docker engine with KubeVirt as it is released; only `provider` is for others."""
