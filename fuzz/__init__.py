"""Fuzzing by coverage: ``make fuzz TARGET=lines MINUTES=10``.

Each module of ``targets`` holds one ``check``: it takes any bytes, gives them to one part of the
program, and raises AssertionError where the part breaks a promise. ``corpora`` holds the inputs
that reach different code, one file for each target; the tests replay them.
"""
