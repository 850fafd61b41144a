"""The rules: pure functions on plain inputs. No events, no clock, no ids they did not get.

Amounts are Python integers of micro-credits (and micro-units), so every sum and product is exact.
"""
