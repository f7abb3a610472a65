"""What an owner's own data say: distributions, people against the judge, times. Pure figures."""

from chat.insights.figures import Insights, insights
from chat.insights.rows import Evidence, HumanRating, ScoredReply, VerdictTime

__all__ = ["Evidence", "HumanRating", "Insights", "ScoredReply", "VerdictTime", "insights"]
