"""The tests of market_core, one file per module or question."""
