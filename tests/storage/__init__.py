"""Storage for tests, and its tests; may not import the operator, the agent or the copier."""
