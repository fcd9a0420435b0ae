"""Forums: their topics, what is in each, and files of them."""

from __future__ import annotations

from telefast.forum.comment_desk import Comment
from telefast.forum.comment_plan import CommentPlan, PostThread
from telefast.forum.comments import Comments, CommentStats, CommentStream
from telefast.forum.layout import ForumLayout
from telefast.forum.listing import TopicStream
from telefast.forum.metrics import TopicMetrics
from telefast.forum.planning import ForumPlan
from telefast.forum.reading import ForumReading
from telefast.forum.shelf import TopicFile
from telefast.forum.splitting import ForumSplit
from telefast.forum.topics import topic_of
from telefast.forum.types import ForumListing, TopicCounts, TopicCursor, TopicInfo
from telefast.forum.walker import ForumWalker

__all__ = [
    "Comment",
    "CommentPlan",
    "CommentStats",
    "CommentStream",
    "Comments",
    "ForumLayout",
    "ForumListing",
    "ForumPlan",
    "ForumReading",
    "ForumSplit",
    "ForumWalker",
    "PostThread",
    "TopicCounts",
    "TopicCursor",
    "TopicFile",
    "TopicInfo",
    "TopicMetrics",
    "TopicStream",
    "topic_of",
]
