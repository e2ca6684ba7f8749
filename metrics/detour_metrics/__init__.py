"""The port that Prometheus asks, of operator and node agent; what is counted is their own."""
