"""A storage controller that is not Detour's, as an example and for the end-to-end tests.

It drives one AttachmentSwitch from beginning to end as docs/for-storage-vendors.md says. It has
rights on switches and on its own Jobs and claims, and looks at nothing of the virtual machine.
"""
