"""The plugin's command line on a cluster in memory."""

import pytest
from click.testing import CliRunner

from detour_kubectl.commands.app import App
from detour_kubectl.commands.root import root
from unit.kubectl_plugin.memory import Clock, Memory


@pytest.fixture
def cluster():
    return Memory()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def run(cluster, clock):
    """Runs a command; what click's runner saw of it."""

    def invoke(*words, **options):
        app = App(connect=lambda _kubeconfig, _context: (cluster, "vms"), clock=clock)
        # A width, so that nothing depends on the terminal that the tests run in.
        runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})
        return runner.invoke(root, words, obj=app, prog_name="kubectl detour", **options)

    return invoke
