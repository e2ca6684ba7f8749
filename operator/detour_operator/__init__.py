"""The operator: everything here speaks to the Kubernetes API and to nothing else.

Two sides share the process and meet only in the AttachmentSwitch object: the storage side carries
out VolumeMigrations, the compute side AttachmentSwitches.
"""
