"""What carries files and is no message: stories, web pages, sets of stickers and of emoji.

`World.file_store.shelf` has them. Clients ask for one again when a reference of a file in it has
expired (https://core.telegram.org/api/file-references), also if a message shows the same file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.file_refs import EMOJI, STICKER_SET, STORY, WEB_PAGE
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Place", "Shelf"]

Place: TypeAlias = tuple[int, int, int]
"""Kind of an origin, its `mark` and its `message_id`, as a `file_refs.Reference` has them."""


class Shelf:
    """The stories, web pages and sets of a world. All accounts see all of them.

    Example:
        >>> from telefast.testing import World
        >>> world = World(seed=1)
        >>> world.file_store.shelf.put_set("Cats", [world.file_store.document(9_000)]).id
        7000000001
    """

    def __init__(self) -> None:
        self._held: dict[Place, Any] = {}
        self._pages: dict[str, types.WebPage] = {}

    def put_story(self, mark: int, story: types.StoryItem) -> None:
        """Let the peer with a marked id have a story."""
        self._put((STORY, mark, story.id), story)

    def put_page(self, page: types.WebPage) -> None:
        """Let Telegram know the page at `page.url`."""
        self._put((WEB_PAGE, page.id, 0), page)
        self._pages[page.url] = page

    def put_set(
        self, name: str, documents: Sequence[types.Document], *, emojis: bool = False
    ) -> types.InputStickerSetID:
        """Make a set of documents, which then say that they are stickers of it; return its name.

        Args:
            name: Its title and short name.
            documents: The stickers, or the emoji.
            emojis: Whether they are custom emoji.
        """
        number = len(self._held) + 1
        named = types.InputStickerSetID(7_000_000_000 + number, 9_000_000_000 + number)
        kind = types.DocumentAttributeCustomEmoji if emojis else types.DocumentAttributeSticker
        for document in documents:
            document.attributes = [*document.attributes, kind("🐈", named)]
        shown = types.StickerSet(
            named.id, named.access_hash, name, name, len(documents), 0, emojis=emojis or None
        )
        holder = types.messages.StickerSet(shown, [], [], [*documents])
        self._put((STICKER_SET, named.id, 0), holder)
        return named

    def remove(self, holder: Any) -> None:
        """Take a story, page or set away again."""
        self._held = {place: each for place, each in self._held.items() if each is not holder}
        self._pages = {url: each for url, each in self._pages.items() if each is not holder}

    def at(self, place: Place) -> Any:
        """Return what is at a place; None for nothing."""
        return self._held.get(place)

    def emoji(self, document_id: int) -> types.Document | None:
        """Return a custom emoji that was put here, by itself or in a set; None for none."""
        found = self._held.get((EMOJI, document_id, 0))
        if isinstance(found, types.Document):
            return found
        for (kind, _, _), holder in self._held.items():
            if kind == STICKER_SET and holder.set.emojis:
                for each in holder.documents:
                    if each.id == document_id:
                        self._held[EMOJI, document_id, 0] = each
                        return each  # type: ignore[no-any-return]  # a set is of any kind
        return None

    def put_emoji(self, document: types.Document) -> None:
        """Let a document be a custom emoji that is in no set."""
        self._put((EMOJI, document.id, 0), document)

    def page(self, url: str) -> types.WebPage | None:
        """Return the page at a URL."""
        return self._pages.get(url)

    def recipe(self) -> list[Any]:
        """Return all that another process needs, as JSON-able data."""
        return [[*place, bytes(each).hex()] for place, each in self._held.items()]

    def restore(self, made: Sequence[Any]) -> None:
        """Take over what `recipe` returned."""
        for kind, mark, number, data in made:
            held: Any = read_object(bytes.fromhex(data))
            if isinstance(held, types.WebPage):
                self.put_page(held)
            else:
                self._put((kind, mark, number), held)

    def _put(self, place: Place, holder: Any) -> None:
        try:
            bytes(holder)
        except Exception as error:
            raise WorldError(f"{type(holder).__name__}: cannot be written: {error}") from error
        self._held[place] = holder
