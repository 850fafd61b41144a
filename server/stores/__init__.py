"""Stores of events: one contract (`ports.EventStore`), a file for each place the events may live."""
