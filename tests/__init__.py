"""The tests of the two packages."""
