"""The referee of the race: runs the contestants, compares them, writes it down."""
