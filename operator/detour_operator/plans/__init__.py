"""Carries out VolumeMigrationPlans: makes, withdraws and cancels VolumeMigrations, nothing else.

gather looks, decide (pure) chooses, apply acts, the status is published where it changed. What a
move does is the two sides' business, whose insides it does not know; it reads of a migration what
people can read, and changes no claim, machine or switch.
"""

from detour_operator.plans.reconciler import reconciler

__all__ = ["reconciler"]
