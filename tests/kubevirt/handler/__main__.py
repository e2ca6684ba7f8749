"""The process virt-handler."""

import logging
import os

from kubevirt.kube import in_cluster

from .node import Node

if __name__ == "__main__":
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    Node(in_cluster(), os.environ["NODE_NAME"]).run()
