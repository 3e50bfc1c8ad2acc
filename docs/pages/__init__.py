"""What `docs/generate.py` writes: a module for each page, or for the made parts of one."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
