"""virt-handler lives here: one per node, it alone talks to the launchers of its node."""
