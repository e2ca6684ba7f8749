"""What Prometheus is told of the operator: counted and kept here, and nothing decided by it.

With the port, the only place of prometheus_client. It knows neither side, the API nor kopf. Only
the shells that have effects anyway may call it, and what is pure never does; ``docs/metrics.md``
lists everything.
"""
