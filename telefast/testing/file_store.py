"""What a world knows of files, and the switches that tests set: `World.file_store`."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.dice import Dice
from telefast.testing.file_refs import (
    File,
    FileKey,
    Reference,
    files_of,
    has_file,
    key_of,
    write_reference,
)
from telefast.testing.private import BoxedChat
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from telefast.testing.account import Account
    from telefast.testing.chat import Chat
    from telefast.testing.world import World

__all__ = ["Files", "home_of"]

_DATE: Final = datetime(2021, 6, 1, tzinfo=UTC)
_COUNTED: Final = 100_000
"""Most references whose uses are counted; the one used longest ago is forgotten first."""


class Files:
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
        now: Server time of the request that is being answered, in seconds since the epoch.

    Example:
        >>> from telefast.testing import World
        >>> document = World(seed=1).file_store.document(5 << 30, "film.mkv")
        >>> document.size, document.mime_type
        (5368709120, 'application/octet-stream')
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._secret = blake2b(f"{world.seed}/references".encode(), digest_size=16).digest()
        self._given: dict[FileKey, bytes | Path] = {}
        self._drawn = 0
        self.reference_ttl: float | None = None
        self.reference_uses: int | None = None
        self.now = 0.0
        self._serial = 0
        self._revoked_before = -1
        self._revoked: dict[tuple[int, int], int] = {}
        self._uses: OrderedDict[tuple[Any, ...], int] = OrderedDict()

    def __repr__(self) -> str:
        """Count what was given, without a reference."""
        return f"<Files: {len(self._given)} given>"

    @property
    def secret(self) -> bytes:
        """What references are signed with."""
        return self._secret

    @property
    def are_renewed(self) -> bool:
        """Whether each answer brings fresh references, since old ones may expire."""
        return (
            self.reference_ttl is not None
            or self.reference_uses is not None
            or self._revoked_before >= 0
            or bool(self._revoked)
        )

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
        home = home_of(chat)
        reference: Reference | None = None
        for file in files_of(message):
            if reference is None:
                reference = self._issue(account, chat.marked_id, message_id)
            key = key_of(file)
            file.access_hash = self.access_hash(account, home, file)
            file.file_reference = write_reference(self._secret, reference, key)
        return data if reference is None else bytes(message)

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
        reference = self._issue(account, mark, 0) if self.are_renewed else None
        reference = reference or Reference(account.index, mark, 0)
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

    def revoke(self, marked_id: int | None = None, message_ids: Iterable[int] = ()) -> None:
        """Let all references that were given so far expire now; later ones are good.

        Args:
            marked_id: Only those of this chat or peer; None for all of the world.
            message_ids: Only those of these messages of the chat; none means all of the chat's.
        """
        if marked_id is None:
            self._revoked_before = self._serial
            return
        for message_id in [*message_ids] or [-1]:
            self._revoked[marked_id, message_id] = self._serial

    def has_expired(self, reference: Reference, key: FileKey) -> bool:
        """Return whether a reference opens its file no more, and count its use if it does."""
        if self.reference_ttl is not None:
            age = self.now - reference.issued / 1000
            if age >= self.reference_ttl:
                return True
        revoked = max(
            self._revoked_before,
            self._revoked.get((reference.mark, -1), -1),
            self._revoked.get((reference.mark, reference.message_id), -1),
        )
        if reference.serial <= revoked:
            return True
        if self.reference_uses is None:
            return False
        place = (reference, key)
        uses = self._uses.pop(place, 0)
        self._uses[place] = min(uses + 1, self.reference_uses)
        if len(self._uses) > _COUNTED:
            self._uses.popitem(last=False)
        return uses >= self.reference_uses

    def _issue(self, account: Account, mark: int, message_id: int) -> Reference:
        """Return a reference of now; the first account's of a world without expiry is ageless."""
        if not self.are_renewed:
            return Reference(account.index, mark, message_id)
        self._serial += 1
        return Reference(
            account.index, mark, message_id, int(self.now * 1000), self._serial & 0xFFFFFFFF
        )

    # The recipe of a world.

    def recipe(self) -> dict[str, Any]:
        """Return all that another process needs, as JSON-able data."""
        return {
            "reference_ttl": self.reference_ttl,
            "reference_uses": self.reference_uses,
            "drawn": self._drawn,
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
        for kind, file_id, data in made["given"]:
            is_path = isinstance(data, list)
            self._given[kind, file_id] = Path(data[1]) if is_path else bytes.fromhex(data)


def home_of(chat: Chat) -> int:
    """Return the index of the account whose view the stored messages of a chat show."""
    return chat.account.index if isinstance(chat, BoxedChat) else 0
