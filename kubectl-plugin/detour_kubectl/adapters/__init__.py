"""The only place of the Kubernetes client: the port on a kubeconfig, errors translated."""
