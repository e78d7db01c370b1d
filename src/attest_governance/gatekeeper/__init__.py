"""What speaks of templates and constraints: generating, installing, reading their status."""
