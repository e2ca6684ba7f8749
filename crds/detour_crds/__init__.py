"""Only data may stand here: the Python twin of the CRDs in the folder above, without any I/O.

The operator, the node agent and the copier share these types and nothing else. A test compares
each field, type, default and enumeration with the hand-written OpenAPI schemas.
"""
