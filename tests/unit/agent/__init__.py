"""Tests of the node agent that need neither root nor libvirt may stand here."""
