"""The rules on published numbers, and against brute force."""
