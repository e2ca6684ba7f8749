"""virt-api lives here; a verdict is pure and gets all it needs, only the server looks up."""
