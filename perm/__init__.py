"""PERM: Psychology-grounded Empathetic Reward Modeling (arXiv:2601.10532).

The reward model on its own. It knows nothing of the application: it takes any LangChain chat model,
asks it to judge a turn from four perspectives, and turns the verdicts into a reward.
"""
