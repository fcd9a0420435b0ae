"""The knobs about forums, which `Settings` inherits."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from telefast.settings_errors import names

__all__ = ["ForumSettings"]


class ForumSettings(BaseSettings):
    """What is read of a forum, and how its files are called."""

    forum_page_size: int = Field(
        default=100,
        ge=1,
        le=100,
        validation_alias=names("forum_page_size", "FORUM_PAGE_SIZE"),
        description="Topics in one request, 1 to 100.",
    )
    forum_include_general: bool = Field(
        default=True,
        validation_alias=names("forum_include_general", "FORUM_INCLUDE_GENERAL"),
        description="Whether General is among the topics.",
    )
    forum_name_style: Literal["id", "title_id"] = Field(
        default="id",
        validation_alias=names("forum_name_style", "FORUM_NAME_STYLE"),
        description="How the pages of topics are called: id, or title_id for the title as well.",
    )

    def forum_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `telefast.ForumWalker` that these settings say.

        Example:
            >>> from telefast import Settings
            >>> Settings(forum_page_size=20).forum_options()
            {'page_size': 20, 'include_general': True}
        """
        return {"page_size": self.forum_page_size, "include_general": self.forum_include_general}

    def layout_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `telefast.ForumLayout` that these settings say.

        Example:
            >>> from telefast import Settings
            >>> Settings(forum_name_style="title_id").layout_options()
            {'style': 'title_id'}
        """
        return {"style": self.forum_name_style}
