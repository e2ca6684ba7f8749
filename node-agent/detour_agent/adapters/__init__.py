"""The outside may be touched here: one adapter per port; foreign errors end here."""
