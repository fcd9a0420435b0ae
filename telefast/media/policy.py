"""What is protected, and who decides: the host application, by a `Policy`.

People and owners of chats may say that what they send is not to be saved
(https://core.telegram.org/api/content-protection), or that it is to be looked at once or for some
seconds (https://core.telegram.org/api/files). Telegram asks its clients to respect that, also where
its servers would give the bytes. So protected media are passed over unless the program that uses
this library decides otherwise, for each item, in its own code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from telethon.tl.custom.message import Message

if TYPE_CHECKING:
    from telefast.media.types import MediaItem

__all__ = ["Policy", "Protection", "protections_of", "skip_protected"]

Protection = Literal["message", "chat", "story", "self-destructs"]
"""Why something is protected: `noforwards` of the message, its chat or the story; `ttl_seconds`."""


class Policy(Protocol):
    """Decides whether a protected item may be fetched all the same."""

    def __call__(self, message: Any, item: MediaItem, /) -> bool:
        """Return whether *item* may be fetched; not a coroutine.

        Called for protected items only; `item.protection` says why it is one. What this raises is
        raised to the caller.

        Args:
            message: What `items_of` was given.
            item: What would be fetched.
        """
        ...


def skip_protected(message: Any, item: MediaItem, /) -> bool:
    """Pass over each protected item: the default."""
    return False


def protections_of(message: Any, chat: Any) -> tuple[Protection, ...]:
    """Return how a message as a whole is protected.

    Args:
        message: A message; anything else is not protected by itself.
        chat: What is known of its chat: a `Chat`, `Channel`, `UserFull` or `telefast.ChatMeta`.
            Private chats say it in `UserFull` only. None for what the message knows itself.
    """
    found: list[Protection] = []
    if isinstance(message, Message) and message.noforwards:
        found.append("message")
    flags = ("noforwards", "noforwards_my_enabled", "noforwards_peer_enabled")
    chats = (chat, getattr(message, "chat", None))
    if any(getattr(each, flag, None) for each in chats for flag in flags):
        found.append("chat")
    return tuple(found)
