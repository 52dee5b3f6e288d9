"""Typed views of what the rules judge, read from resolved resources."""
