"""What demo, end-to-end tests and benchmarks share: they act as a user would, through the API.

Nothing here may reach into Detour's processes or import its code: kubectl, Helm and the guest's
log are all a user has.
"""
