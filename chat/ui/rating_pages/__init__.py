"""The pages that raters get: plain HTML from this server, so that every byte is known.

Gradio's pages carry what other pages need; a model's name among it would end the blindness.
"""
