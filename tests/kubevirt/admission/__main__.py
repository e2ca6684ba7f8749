"""The process virt-api."""

import logging

from kubevirt.kube import in_cluster

from .server import serve

if __name__ == "__main__":
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    serve(in_cluster())
