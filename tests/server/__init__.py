"""The tests of the server: stores, service, tools, protocol; `shell` is the world they share."""
