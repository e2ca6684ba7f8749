"""Tries Detour's health checks in the engines that GitOps tools have; nothing of a cluster.

``health/`` is a small Go program around kstatus, Argo CD's Lua engine and Flux's own evaluator.
"""
