"""The programs, one module for each part of the package that they are about."""
