"""The command line, `python -m telefast`: what a stranger sees first."""
