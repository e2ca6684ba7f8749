"""The effects may stand here: one module per step, over the ports alone, no libvirt, no API.

Each step writes its intent to the journal first, makes at most one call to libvirt, and returns;
whether it worked is seen by the next look.
"""
