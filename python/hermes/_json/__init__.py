"""JSON that Python's json refuses: nested very deeply (deep), long integers (integers)."""
