"""Carries out VolumeMigrations; must not know libvirt, instances, locks or nodes' insides.

gather looks, decide (pure) chooses, apply acts, status is published only where it changed.
Sees the compute side only through the AttachmentSwitch.
"""
