"""Forums: their topics, what is in each, and files of them."""

from __future__ import annotations

from telefast.forum.comment_desk import Comment
from telefast.forum.comment_plan import CommentPlan, PostThread
from telefast.forum.comments import Comments, CommentStats, CommentStream
from telefast.forum.topics import topic_of
from telefast.forum.types import TopicInfo

__all__ = [
    "Comment",
    "CommentPlan",
    "CommentStats",
    "CommentStream",
    "Comments",
    "PostThread",
    "TopicInfo",
    "topic_of",
]
