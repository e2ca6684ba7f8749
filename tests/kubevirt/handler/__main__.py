"""The process virt-handler."""

import os

from kubevirt.kube import in_cluster
from kubevirt.processes import begin

from .node import Node

if __name__ == "__main__":
    begin()
    Node(in_cluster(), os.environ["NODE_NAME"]).run()
