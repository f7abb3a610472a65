"""Figures for Prometheus: what happened, as the events of turns say it, and how things stand.

Numbers alone: no word that was said, no id of a person or a conversation.
"""
