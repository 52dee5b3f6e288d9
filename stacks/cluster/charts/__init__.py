"""The values that charts are installed with, typed: only keys that differ from a chart's own."""
