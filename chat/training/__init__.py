"""Training from the command line: prompts from files, the backbone, a judge by our settings."""

from chat.training.backbone import Backbone, backbone_for
from chat.training.judging import judging
from chat.training.prompts import PromptFile, read_prompts

__all__ = ["Backbone", "PromptFile", "backbone_for", "judging", "read_prompts"]
