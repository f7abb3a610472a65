"""Logs: when, how grave, which part, what happened, with ids and lengths; never what was said."""
