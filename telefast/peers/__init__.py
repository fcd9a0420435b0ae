"""Users and chats: how to name them to Telegram, what they are, and what they were called."""

from telefast.peers.cache import PeerCache
from telefast.peers.links import TelegramLink, parse_link
from telefast.peers.meta import ChatMeta, MessageCount
from telefast.peers.metadata import MetadataCache, ProfileRun
from telefast.peers.names import NameRecord, SenderNames

__all__ = [
    "ChatMeta",
    "MessageCount",
    "MetadataCache",
    "NameRecord",
    "PeerCache",
    "ProfileRun",
    "SenderNames",
    "TelegramLink",
    "parse_link",
]
