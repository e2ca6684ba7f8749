"""What runs inside a launcher pod lives here; only the standard library and libvirt may be used.

The folder is copied alone into the launcher images, so imports stay inside it.
"""
