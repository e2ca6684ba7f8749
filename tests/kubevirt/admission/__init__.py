"""virt-api's verdicts and its webhook server live here; a verdict is pure and gets what it needs as arguments."""
