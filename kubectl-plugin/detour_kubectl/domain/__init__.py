"""Pure: what is to be said of the objects that were read. No API, no terminal, no clock."""
