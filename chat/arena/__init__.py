"""Blind comparisons: two contestants answer the same message, and people say which is better."""
