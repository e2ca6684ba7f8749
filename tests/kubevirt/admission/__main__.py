"""The process virt-api."""

from kubevirt.kube import in_cluster
from kubevirt.processes import begin

from .server import serve

if __name__ == "__main__":
    begin()
    serve(in_cluster())
