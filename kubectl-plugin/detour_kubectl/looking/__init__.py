"""Asks the cluster by the port, and hands the domain what it decides on."""
