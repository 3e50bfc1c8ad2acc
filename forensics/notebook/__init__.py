"""A case in a notebook: `forensics.open_case` gives a `Case` that shows itself and its answers."""
