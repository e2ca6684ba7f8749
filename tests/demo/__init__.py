"""The demo may only do what a user could, and must say when anything is amiss."""
