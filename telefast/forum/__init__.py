"""Forums: their topics, what is in each, and files of them."""

from __future__ import annotations

from telefast.forum.topics import topic_of
from telefast.forum.types import TopicInfo

__all__ = ["TopicInfo", "topic_of"]
