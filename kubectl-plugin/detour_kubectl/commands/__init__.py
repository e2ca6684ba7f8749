"""The command line, on click: what is asked for, in which order; nothing else decides here."""
