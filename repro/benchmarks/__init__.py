"""Data sets x models -> tables. Light: nothing is imported before it is named."""
