"""virt-controller lives here: pure modules decide and render, only workers talk to the server."""
