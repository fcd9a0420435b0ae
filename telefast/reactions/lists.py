"""Lists of who reacted, asked for page by page, and chats that refuse to tell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from telethon import types
from telethon.errors import RPCError
from telethon.tl.functions.messages import GetMessageReactionsListRequest
from telethon.tl.types.messages import MessageReactionsList
from telethon.utils import get_peer_id

from telefast import logs
from telefast.errors import CompatibilityError
from telefast.reactions.people import ListWalk, Reason, refusal_of
from telefast.reactions.summary import reactions_of

__all__ = ["ReactorLists"]

_log = logs.get_logger("reactions")


class ReactorLists:
    """Ask for lists of who reacted; remember which chats refuse.

    Args:
        ask: Sends a request and returns its answer, which is of the given kind.
        on_refused: Called once for each chat that refuses.
        page_size: Entries to ask for at a time.
        most: Entries of a list to ask for at most; None for all.
    """

    def __init__(
        self,
        ask: Callable[[Any, type[Any]], Awaitable[Any]],
        on_refused: Callable[[], None],
        page_size: int,
        most: int | None,
    ) -> None:
        self._refused: set[int] = set()
        self._ask = ask
        self._on_refused = on_refused
        self._page_size = page_size
        self._most = most
        self._open: set[int] = set()
        self._doors: dict[int, asyncio.Lock] = {}

    def is_refused(self, message: Any) -> bool:
        """Return whether the chat of a message has refused before."""
        return get_peer_id(message.peer_id) in self._refused

    async def walk(self, peer: Any, message: Any) -> tuple[ListWalk, Reason]:
        """Return who reacted to a message, and why these are not all, else empty."""
        walk = ListWalk(self._page_size, self._most)
        reason = await self._walk(peer, message, walk)
        if reason == "undecodable":
            # A page holds something unknown. The lists of each reaction apart may not.
            await self._walk_apart(peer, message, walk)
        return walk, reason

    async def _walk(self, peer: Any, message: Any, walk: ListWalk, reaction: Any = None) -> Reason:
        """Ask for all pages of a list; return why it is not complete, else empty."""
        while not walk.is_done:
            request = GetMessageReactionsListRequest(
                peer, message.id, walk.limit, reaction=reaction, offset=walk.offset or None
            )
            page = await self._page(get_peer_id(message.peer_id), request)
            if isinstance(page, str):
                return page
            walk.on_page(page)
        return walk.reason

    async def _walk_apart(self, peer: Any, message: Any, whole: ListWalk) -> None:
        shown = reactions_of(message)
        for result in shown.results if shown else ():
            if not isinstance(result.reaction, types.ReactionPaid) and whole.limit:
                left = None if self._most is None else self._most - len(whole.found)
                walk = ListWalk(self._page_size, left)
                await self._walk(peer, message, walk, result.reaction)
                whole.found = walk.found | whole.found
                whole.names |= walk.names

    async def _page(self, chat_id: int, request: Any) -> MessageReactionsList | Reason:
        """Return a page, or why there is none.

        Until one came, a chat is asked for one page at a time: if it refuses, once is enough.
        """
        if chat_id not in self._open:
            async with self._doors.setdefault(chat_id, asyncio.Lock()):
                if chat_id not in self._open:
                    page = await self._try_page(chat_id, request)
                    if not isinstance(page, str):
                        self._open.add(chat_id)
                    return page
        return await self._try_page(chat_id, request)

    async def _try_page(self, chat_id: int, request: Any) -> MessageReactionsList | Reason:
        if chat_id in self._refused:
            return "forbidden"
        try:
            page: MessageReactionsList = await self._ask(request, MessageReactionsList)
        except CompatibilityError:
            return "undecodable"
        except RPCError as error:
            reason = refusal_of(error)
            if not reason:
                raise
            if reason == "forbidden":
                self._refused.add(chat_id)
                self._on_refused()
                _log.info("a chat does not list reactors reason=%s", type(error).__name__)
            return reason
        else:
            return page
