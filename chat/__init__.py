"""The application around the PERM reward model: engines, the turn, the store, the pages."""

import os

# Read by libraries when they are imported. What is said here is nobody else's: no statistics, and
# no traces of conversations to a service, whatever the environment asks for.
os.environ.update(
    GRADIO_ANALYTICS_ENABLED="False",
    HF_HUB_DISABLE_TELEMETRY="1",
    LANGSMITH_TRACING="false",
    LANGSMITH_TRACING_V2="false",
    LANGCHAIN_TRACING_V2="false",
)
