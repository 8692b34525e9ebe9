"""The running program: builds every part, starts and stops them, and applies a reload."""
