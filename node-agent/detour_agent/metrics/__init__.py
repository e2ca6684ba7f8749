"""What Prometheus is told of the node agent: counted and kept here, and nothing decided by it.

With the port, the only place of prometheus_client. Only the loop and the passes may call it; the
domain and the steps never do. ``docs/metrics.md`` lists everything. Each node has series of its
own, so there are few, and those of a switch go when its work has ended.
"""
