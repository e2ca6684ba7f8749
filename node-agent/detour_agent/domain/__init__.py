"""Only pure code may stand here: no libvirt, no clock, no files, no logging.

What was seen comes in as data, what to do next goes out as data; the adapters implement the
protocols of ``ports`` and the steps join the two.
"""
