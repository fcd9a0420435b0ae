"""What a world knows of files, and the switches that tests set: `World.file_store`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.dice import Dice
from telefast.testing.file_expiry import Expiry
from telefast.testing.file_refs import (
    MESSAGE,
    File,
    FileKey,
    Reference,
    files_of,
    has_file,
    key_of,
    write_reference,
)
from telefast.testing.file_shelf import Place, Shelf
from telefast.testing.private import BoxedChat
from telefast.testing.text import EMOJI as SIGNS
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from telethon.tl.tlobject import TLObject

    from telefast.testing.account import Account
    from telefast.testing.chat import Chat
    from telefast.testing.population import Population

__all__ = ["Files", "home_of"]

SEEDED_EMOJI: Final = 5_000_000_000_000_000_000
"""The first of the 500 custom emoji that seeded messages and topics use."""

_DATE: Final = datetime(2021, 6, 1, tzinfo=UTC)


class Files(Expiry):
    """The files of a world: what they hold, and how long references to them last.

    A file is told from others by its kind and id: it has the same bytes in every message. Bytes are
    made from the seed when a part is asked for, so that a file of 4 GiB costs nothing; `add` and
    `give` take bytes of your own. A file lives on the data centre that its `dc_id` names.

    References never expire, unless a switch below or `ExpireReferences` says so; then every answer
    that carries a message brings fresh ones.

    Args:
        world: The world.

    Attributes:
        reference_ttl: Seconds of server time after which a reference is FILE_REFERENCE_EXPIRED.
            None (the default) means never. What Telegram does is not published.
        reference_uses: Requests that one reference opens a file for, before it is expired. None
            (the default) means any number.
        web_dc_id: The data centre that fetches files of other sites, which the configuration names;
            only that one has them. None (the default) means that each does.
        absent_emoji: Document ids of custom emoji that nobody can get any more.
        now: Server time of the request that is being answered, in seconds since the epoch.
        shelf: Stories, web pages, sets of stickers: what carries files and is no message.

    Example:
        >>> from telefast.testing import World
        >>> document = World(seed=1).file_store.document(5 << 30, "film.mkv")
        >>> document.size, document.mime_type
        (5368709120, 'application/octet-stream')
    """

    def __init__(self, world: Population) -> None:
        super().__init__(world.seed)
        self._world = world
        self._given: dict[FileKey, bytes | Path] = {}
        self.given_web: dict[str, bytes] = {}
        self._drawn = 0
        self.web_dc_id: int | None = None
        self.shelf = Shelf()
        self.absent_emoji: set[int] = set()

    def __repr__(self) -> str:
        """Count what was given, without a reference."""
        return f"<Files: {len(self._given)} given>"

    # Files.

    def add(
        self,
        data: bytes,
        name: str = "file.bin",
        *,
        mime_type: str = "application/octet-stream",
        size: int | None = None,
        dc_id: int | None = None,
    ) -> types.Document:
        """Return a new document that holds *data*; put it into a message to have it served.

        Args:
            data: Its bytes.
            name: Its file name.
            mime_type: Its MIME type.
            size: The size that it claims to have; None for the true one. What is missing in *data*
                is made from the seed, what is too much is never sent.
            dc_id: Where it lives; None draws one of `World.dc_ids`.
        """
        document = self.document(
            len(data) if size is None else size, name, mime_type=mime_type, dc_id=dc_id
        )
        self.give(document, data)
        return document

    def document(
        self,
        size: int,
        name: str | None = "file.bin",
        *,
        mime_type: str = "application/octet-stream",
        attributes: Iterable[types.TypeDocumentAttribute] = (),
        dc_id: int | None = None,
    ) -> types.Document:
        """Return a new document of any size whose bytes are made when they are asked for.

        Args:
            size: Bytes in it.
            name: Its file name, None for none.
            mime_type: Its MIME type.
            attributes: What else is said about it.
            dc_id: Where it lives; None draws one of `World.dc_ids`.

        Raises:
            WorldError: If *size* is below 0, or *dc_id* none of the world's.
        """
        if size < 0:
            raise WorldError(f"size={size}: expected 0 or more")
        dice = self._draw()
        file_id = dice.signed64()
        named = [] if name is None else [types.DocumentAttributeFilename(name)]
        return types.Document(
            id=file_id,
            access_hash=dice.signed64(),
            file_reference=dice.bytes(35),
            date=_DATE,
            mime_type=mime_type,
            size=size,
            dc_id=self._place(dc_id, file_id),
            attributes=[*attributes, *named],
        )

    def emoji(self, document_id: int) -> types.Document | None:
        """Return a custom emoji: one that the shelf has, or that seeded messages use; else None.

        Those of the seed are made when they are asked for, but for `absent_emoji`.
        """
        found = self.shelf.emoji(document_id)
        is_seeded = 0 <= document_id - SEEDED_EMOJI < 500
        if document_id in self.absent_emoji or (found is None and not is_seeded):
            return None
        if found is None:
            dice = Dice.of(self._world.seed, "emoji", document_id)
            named = types.InputStickerSetID(8_000_000_000, 8_000_000_001)
            found = types.Document(
                id=document_id,
                access_hash=dice.signed64(),
                file_reference=dice.bytes(35),
                date=_DATE,
                mime_type="application/x-tgsticker",
                size=4_000 + dice.below(30_000),
                dc_id=self.dc_of(document_id),
                attributes=[
                    types.DocumentAttributeImageSize(100, 100),
                    types.DocumentAttributeCustomEmoji(dice.pick(SIGNS), named, free=True),
                    types.DocumentAttributeFilename("AnimatedSticker.tgs"),
                ],
            )
            self.shelf.put_emoji(found)
        return found

    def photo(
        self,
        sizes: Iterable[types.TypePhotoSize] | None = None,
        *,
        video_sizes: Iterable[types.TypeVideoSize] | None = None,
        dc_id: int | None = None,
    ) -> types.Photo:
        """Return a new photo.

        Args:
            sizes: Its sizes, in any order; None for a small, a middle and a large one.
            video_sizes: What an animated photo has beside them.
            dc_id: Where it lives; None draws one of `World.dc_ids`.

        Raises:
            WorldError: If *dc_id* is none of the world's.
        """
        dice = self._draw()
        file_id = dice.signed64()
        if sizes is None:
            sizes = [
                types.PhotoSize("s", 90, 60, 1_200 + dice.below(500)),
                types.PhotoSize("m", 320, 213, 12_000 + dice.below(5_000)),
                types.PhotoSize("x", 800, 533, 60_000 + dice.below(20_000)),
            ]
        return types.Photo(
            id=file_id,
            access_hash=dice.signed64(),
            file_reference=dice.bytes(35),
            date=_DATE,
            sizes=[*sizes],
            dc_id=self._place(dc_id, file_id),
            video_sizes=None if video_sizes is None else [*video_sizes],
        )

    def give(self, file: File, data: bytes | Path) -> None:
        """Let a file hold *data*: a document, or the largest size of a photo.

        A path names a file on disk, which is read part by part as it then is.
        """
        self._given[key_of(file)] = data

    def give_web(self, url: str, data: bytes) -> None:
        """Let the file of another site at *url* hold *data*, whatever messages say of its size."""
        self.given_web[url] = data

    def give_paths(self, files: Mapping[int, Path], thumbs: Mapping[int, Path]) -> None:
        """Let photos and documents, and thumbs of documents, hold files on disk, by id."""
        for file_id, path in files.items():
            self._given["photo", file_id] = self._given["document", file_id] = path
        for file_id, path in thumbs.items():
            self._given["thumb", file_id] = path

    @property
    def given(self) -> Mapping[FileKey, bytes | Path]:
        """The bytes that were given, by kind and id."""
        return self._given

    def dc_of(self, file_id: int) -> int:
        """Return the data centre that a seeded file of this id lives on."""
        dc_ids = self._world.dc_ids
        return dc_ids[file_id % len(dc_ids)]

    def _place(self, dc_id: int | None, file_id: int) -> int:
        if dc_id is None:
            return self.dc_of(file_id)
        if dc_id not in self._world.dc_ids:
            raise WorldError(f"dc_id={dc_id}: is none of World.dc_ids {self._world.dc_ids}")
        return dc_id

    def _draw(self) -> Dice:
        self._drawn += 1
        return Dice.of(self._world.seed, "file", self._drawn)

    # References.

    def access_hash(self, account: Account, home: int, file: File) -> int:
        """Return the access hash by which an account knows a file.

        Args:
            account: The account.
            home: Index of the account whose view *file* shows.
            file: The file.
        """
        if account.index == home:
            return file.access_hash
        return self.own_hash(account.index, key_of(file))

    def own_hash(self, index: int, key: FileKey) -> int:
        """Return the access hash by which the account with number *index* knows a file."""
        return Dice.of(self._world.seed, "hash", index, *key).signed64()

    def stamp(self, account: int, mark: int, message_id: int, file: File) -> None:
        """Turn a file of a seeded message into one that can be fetched by it.

        Args:
            account: Index of the account whose chat it is, 0 for channels.
            mark: Marked id of the chat.
            message_id: The message.
            file: Changed in place.
        """
        key = key_of(file)
        if account:
            file.access_hash = self.own_hash(account, key)
        file.dc_id = self.dc_of(file.id)
        reference = Reference(account, mark, message_id)
        file.file_reference = write_reference(self._secret, reference, key)

    def shown(self, account: Account, chat: Chat, message_id: int, data: bytes) -> bytes:
        """Return the TL bytes of a message with fresh references for an account.

        Args:
            account: Who asks.
            chat: The chat of the message.
            message_id: Its id.
            data: Its TL bytes.
        """
        if not has_file(data):
            return data
        message = read_object(data)
        place = MESSAGE, chat.marked_id, message_id
        is_stamped = self.stamp_all(account, home_of(chat), message, place)
        return bytes(message) if is_stamped else data

    def stamp_all(self, account: Account, home: int, holder: TLObject, place: Place) -> bool:
        """Give an account fresh references to all files in an object.

        Args:
            account: Who asks.
            home: Index of the account whose view *holder* shows.
            holder: Changed in place.
            place: Where it is.

        Returns:
            Whether there were any.
        """
        kind, mark, number = place
        reference: Reference | None = None
        for file in files_of(holder):
            if reference is None:
                reference = self.issue(account.index, mark, number, kind)
            file.access_hash = self.access_hash(account, home, file)
            file.file_reference = write_reference(self._secret, reference, key_of(file))
        return reference is not None

    def peer_photo(
        self, account: Account, mark: int, photo: types.UserProfilePhoto | types.ChatPhoto
    ) -> types.Photo:
        """Return the whole photo that a peer shows, with a reference of that peer.

        For answers such as `photos.getUserPhotos` and `users.getFullUser`. Its sizes are those that
        `InputPeerPhotoFileLocation` serves: `a` small, `c` big.

        Args:
            account: Who asks.
            mark: Marked id of the peer.
            photo: What the peer shows.
        """
        found = self.photo_of(account.index, photo.photo_id, photo.dc_id)
        if photo.stripped_thumb:
            found.sizes.insert(0, types.PhotoStrippedSize("i", photo.stripped_thumb))
        reference = self.issue(account.index, mark, 0)
        found.file_reference = write_reference(self._secret, reference, key_of(found))
        return found

    def photo_of(self, account: int, photo_id: int, dc_id: int | None = None) -> types.Photo:
        """Return what there is to a profile photo of this id; its reference is empty."""
        dice = Dice.of(self._world.seed, "peer photo", photo_id)
        sizes: list[types.TypePhotoSize] = [
            types.PhotoSize("a", 160, 160, 3_000 + dice.below(6_000)),
            types.PhotoSize("b", 320, 320, 10_000 + dice.below(10_000)),
            types.PhotoSize("c", 640, 640, 30_000 + dice.below(60_000)),
        ]
        return types.Photo(
            id=photo_id,
            access_hash=self.own_hash(account, ("photo", photo_id)),
            file_reference=b"",
            date=_DATE,
            sizes=sizes,
            dc_id=self.dc_of(photo_id) if dc_id is None else dc_id,
        )

    # The recipe of a world.

    def recipe(self) -> dict[str, Any]:
        """Return all that another process needs, as JSON-able data."""
        return {
            "reference_ttl": self.reference_ttl,
            "reference_uses": self.reference_uses,
            "drawn": self._drawn,
            "web_dc_id": self.web_dc_id,
            "shelf": self.shelf.recipe(),
            "absent_emoji": sorted(self.absent_emoji),
            "given_web": {url: data.hex() for url, data in self.given_web.items()},
            "given": [
                [*key, data.hex() if isinstance(data, bytes) else ["path", str(data)]]
                for key, data in self._given.items()
            ],
        }

    def restore(self, made: Mapping[str, Any]) -> None:
        """Take over what `recipe` returned."""
        self.reference_ttl = made["reference_ttl"]
        self.reference_uses = made["reference_uses"]
        self._drawn = made["drawn"]
        self.web_dc_id = made["web_dc_id"]
        self.shelf.restore(made["shelf"])
        self.absent_emoji = set(made["absent_emoji"])
        self.given_web = {url: bytes.fromhex(text) for url, text in made["given_web"].items()}
        for kind, file_id, data in made["given"]:
            is_path = isinstance(data, list)
            self._given[kind, file_id] = Path(data[1]) if is_path else bytes.fromhex(data)


def home_of(chat: Chat) -> int:
    """Return the index of the account whose view the stored messages of a chat show."""
    return chat.account.index if isinstance(chat, BoxedChat) else 0
