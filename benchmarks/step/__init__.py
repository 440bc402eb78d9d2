"""The training step: its speed, its parts, and the program it compiles to."""
