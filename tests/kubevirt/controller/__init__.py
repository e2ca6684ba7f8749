"""virt-controller lives here: pure modules decide and render, `loop` alone talks to the API server."""
