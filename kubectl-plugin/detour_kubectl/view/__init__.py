"""Text: rich on a terminal, plain lines elsewhere, JSON and YAML for programs."""
