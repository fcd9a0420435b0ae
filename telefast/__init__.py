"""Read Telegram chats through Telethon: every message, once, in order, many pages at a time."""
