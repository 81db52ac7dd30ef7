"""The figures of a report as PNG and SVG."""
