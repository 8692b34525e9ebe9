"""Turns the regexes of rules into expressions for Hyperscan, which finds candidate lines."""
