"""The pages of a login: plain HTML like the raters'; Gradio's own is neither calm nor ours."""
