"""The node agent may touch libvirt, mounts and files of its node, and no API object but switches.

It is the compute side's hands: it carries out the orders in ``status.compute`` and reports what it
saw in ``status.node``. It decides no policy and never talks to the operator.
"""
