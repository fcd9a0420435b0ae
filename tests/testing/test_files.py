"""Does the embedded Telegram serve files by Telegram's rules?

The server is asked directly; see test_files_client.py for Telethon's client.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import functions, types

from telefast.errors import WorldError
from telefast.testing import (
    Assumptions,
    CorruptPart,
    ExpireReferences,
    ReplaceMedia,
    RpcFault,
    ShortPart,
    World,
    WrongSize,
    methods,
    put_media,
)
from telefast.testing.file_content import Blob, file_sha256, made_bytes
from telefast.testing.file_refs import files_of
from telefast.testing.keys import ServerKey
from telefast.testing.ledger import Ledger
from telefast.testing.method_files import check_part
from telefast.testing.rpc import Call, Origin, UnknownMethodFault, method_name
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from telefast.testing import Account, Chat, Rule
    from telefast.testing.file_refs import File

KIB = 1024
MIB = 1024 * KIB
CLUB = 1_400_000_000


@pytest.fixture(scope="module")
def seeded() -> World:
    """A world with a seeded supergroup and a private chat, for two accounts; not to be changed."""
    world = World(seed=61)
    world.add_channel("Club", message_count=900, channel_id=CLUB)
    world.add_private_chat("Grace Hopper", message_count=300)
    other = world.add_account()
    other.add_private_chat("Alan Turing", message_count=300)
    return world


@pytest.fixture
def world() -> World:
    """A world with an empty supergroup."""
    world = World(seed=62)
    world.add_channel("Club", channel_id=CLUB)
    return world


class Asker:
    """Ask as an account, under rules, counting calls as the server does.

    Args:
        world: Who answers.
        *rules: The faults in force.
        account: Who asks. Default: the first account.
        dc_id: The data centre that is asked.
        now: Server time.
    """

    def __init__(
        self,
        world: World,
        *rules: Rule,
        account: Account | None = None,
        dc_id: int = 2,
        now: float = 1_000.0,
    ) -> None:
        self.world = world
        self.rules = rules
        self.ledger = Ledger()
        self.account = account or world.account
        self.dc_id = dc_id
        self.now = now
        self._kept: dict[type, Any] = {}

    def __call__(self, request: Any) -> Any:
        """Return the answer."""
        method = method_name(type(request))
        number = self.ledger.on_request(method, request)
        call = Call(
            method,
            request,
            number,
            self.world,
            self.rules,
            ledger=self.ledger,
            account=self.account,
            origin=Origin(self.dc_id, 1, ServerKey(account=0)),
            now=self.now,
            kept=self._kept,
        )
        data = methods.answer(call)
        answer = read_object(data)
        if not isinstance(answer, list):
            assert bytes(answer) == data
        return answer

    def refused(self, request: Any) -> str:
        """Return the error that a request is refused with."""
        with pytest.raises(RpcFault) as caught:
            self(request)
        assert caught.value.code == (303 if "MIGRATE" in caught.value.message else 400)
        return caught.value.message

    def message(self, chat: Chat, message_id: int) -> Any:
        """Return a message as the account sees it now."""
        inputs = [types.InputMessageID(message_id)]
        peer: Any = self.account.input_peer(chat)
        if isinstance(peer, types.InputPeerChannel):
            channel = types.InputChannel(peer.channel_id, peer.access_hash)
            return self(functions.channels.GetMessagesRequest(channel, inputs)).messages[0]
        return self(functions.messages.GetMessagesRequest(inputs)).messages[0]

    def whole(self, location: Any, part: int = MIB) -> bytes:
        """Return a whole file."""
        found = b""
        while True:
            data = self(get(location, len(found), part)).bytes
            found += data
            if len(data) < part:
                return found


def get(location: Any, offset: int = 0, limit: int = 4 * KIB, **flags: bool) -> Any:
    """Return a request for a part."""
    return functions.upload.GetFileRequest(location, offset, limit, **flags)


def at(file: File, thumb: str = "", **changes: Any) -> Any:
    """Return the location of a file, or of one of its sizes."""
    is_photo = isinstance(file, types.Photo)
    kind = types.InputPhotoFileLocation if is_photo else types.InputDocumentFileLocation
    facts = {
        "id": file.id,
        "access_hash": file.access_hash,
        "file_reference": file.file_reference,
        "thumb_size": thumb,
    }
    return kind(**(facts | changes))


def put_document(world: World, document: types.Document, chat: Chat | None = None) -> int:
    """Put a message with a document; return its id."""
    media = types.MessageMediaDocument(document=document)
    return put_media(chat or world.channels[CLUB], media)[0]


# The rules of parts.

SIZES = [4 * KIB << n for n in range(9)]


@pytest.mark.rule("files.limit-divides-a-fragment", "files.limit-on-the-grid")
def test_limits() -> None:
    """Only 4 KiB times a power of two, up to 1 MiB, is a limit; with `precise` each whole KiB."""
    legal = [n for n in range(0, 2 * MIB, 512) if _is_legal(0, n)]
    assert legal == SIZES
    legal = [n for n in range(0, 2 * MIB, 512) if _is_legal(0, n, precise=True)]
    assert legal == [*range(KIB, MIB + 1, KIB)]
    assert not _is_legal(0, -4 * KIB)


@pytest.mark.rule("files.offset-on-the-grid")
def test_offsets() -> None:
    """Offsets lie on the grid of 4 KiB, with `precise` of 1 KiB, and are no less than 0."""
    assert [n for n in range(-8192, 8193, 512) if _is_legal(n, 4096)] == [0, 4096, 8192]
    precise = [n for n in range(-2048, 2049, 512) if _is_legal(n, KIB, precise=True)]
    assert precise == [0, 1024, 2048]
    with pytest.raises(RpcFault, match="400 OFFSET_INVALID"):
        check_part(1, 4096)


@pytest.mark.rule("files.one-fragment")
@pytest.mark.parametrize("fragment", [0, 1, 5_000])
def test_a_part_lies_in_one_fragment(fragment: int) -> None:
    """A part may touch the border of 1 MiB and not cross it, also above 4 GiB."""
    base = fragment * MIB
    assert _is_legal(base + MIB - 128 * KIB, 128 * KIB)
    assert not _is_legal(base + MIB - 64 * KIB, 128 * KIB)
    assert _is_legal(base + 512 * KIB, 512 * KIB)
    assert not _is_legal(base + 4 * KIB, MIB)
    assert _is_legal(base + MIB - 3 * KIB, 3 * KIB, precise=True)
    assert not _is_legal(base + MIB - 2 * KIB, 3 * KIB, precise=True)
    with pytest.raises(RpcFault, match="400 LIMIT_INVALID"):
        check_part(983_040, 131_072)


def _is_legal(offset: int, limit: int, *, precise: bool = False) -> bool:
    try:
        check_part(offset, limit, precise=precise)
    except RpcFault as fault:
        assert fault.message in {"LIMIT_INVALID", "OFFSET_INVALID"}
        return False
    return True


def test_an_illegal_part_is_refused_before_the_file_is_looked_for(world: World) -> None:
    """A bad limit is told even of a file that is not there."""
    nowhere = types.InputDocumentFileLocation(1, 2, b"", "")
    assert Asker(world).refused(get(nowhere, 0, 4097)) == "LIMIT_INVALID"
    assert Asker(world).refused(get(nowhere, 1)) == "OFFSET_INVALID"


@pytest.mark.rule("files.short-part-is-the-end")
def test_the_last_part_is_short(world: World) -> None:
    """A file is given byte by byte, its last part short."""
    data = made_bytes("any", 0, 10_000)
    document = world.file_store.add(data, "a.pdf", mime_type="application/pdf")
    put_document(world, document)
    ask = Asker(world)
    assert data == ask.whole(at(document), 4096)
    last = ask(get(at(document), 8192))
    assert len(last.bytes) == 10_000 - 8192
    assert isinstance(last.type, types.storage.FilePdf)
    assert last.mtime == int(document.date.timestamp())
    precise = ask(get(at(document), 5 * KIB, 3 * KIB, precise=True))
    assert data[5 * KIB : 8 * KIB] == precise.bytes


@pytest.mark.parametrize(
    "side",
    [
        pytest.param("empty", marks=pytest.mark.rule("files.past-the-end", side="empty")),
        pytest.param("error", marks=pytest.mark.rule("files.past-the-end", side="error")),
    ],
)
def test_past_the_end(world: World, side: Any) -> None:
    """At and after the end there is nothing, or it is an error; an empty file has one part."""
    world.assume = Assumptions(past_end=side)
    document = world.file_store.document(8192)
    nothing = world.file_store.document(0)
    put_document(world, document)
    put_document(world, nothing)
    ask = Asker(world)
    assert len(ask(get(at(document), 4096)).bytes) == 4096
    assert ask(get(at(nothing))).bytes == b""
    for offset in (8192, 12_288, 5 << 30):
        if side == "empty":
            assert ask(get(at(document), offset)).bytes == b""
        else:
            assert ask.refused(get(at(document), offset)) == "OFFSET_INVALID"


@pytest.mark.rule("files.offset-is-64-bit")
def test_files_over_4_gib(world: World) -> None:
    """A file over 4 GiB costs nothing, and each of its parts is its own."""
    document = world.file_store.document((4 << 30) + 5000, "film.mkv")
    put_document(world, document)
    ask = Asker(world)
    low, high = (ask(get(at(document), offset, MIB)).bytes for offset in (0, 4 << 30))
    assert (MIB, 5000) == (len(low), len(high))
    assert low[:5000] != high
    assert ask(get(at(document), (4 << 30) - MIB, MIB)).bytes[-4096:] != low[-4096:]


# Which file a location means.


@pytest.mark.rule("files.every-size-by-its-type", "files.same-file-same-bytes")
@pytest.mark.parametrize("index", [0, 1])
def test_seeded_media_can_be_fetched(seeded: World, index: int) -> None:
    """Each account gets each file and each size that its messages show, with the size they say."""
    account = seeded.accounts[index]
    ask = Asker(seeded, account=account)
    kinds: set[str] = set()
    starts: dict[Any, bytes] = {}
    for chat in account.chats():
        for message_id in [*chat.ids][:300]:
            for file in files_of(ask.message(chat, message_id)):
                for thumb, size in _sizes_of(file):
                    offset = max(0, size - 1) // 4096 * 4096
                    assert len(ask(get(at(file, thumb), offset)).bytes) == size - offset
                    start = ask(get(at(file, thumb))).bytes
                    assert starts.setdefault((type(file), file.id, thumb), start) == start
                    kinds.add(f"{type(file).__name__} {thumb}")
    assert kinds >= {"Photo i", "Photo m", "Photo x", "Photo y", "Document ", "Document m"}
    assert len(starts) == len({*starts.values()})


def _sizes_of(file: File) -> list[tuple[str, int]]:
    """Return the types and the sizes of what there is to a file."""
    if isinstance(file, types.Document):
        sizes: list[Any] = [*(file.thumbs or ()), *(file.video_thumbs or ())]
        found = [("", file.size)]
    else:
        sizes = [*file.sizes, *(file.video_sizes or ())]
        found = []
    for each in sizes:
        size = getattr(each, "size", None)
        if isinstance(each, types.PhotoSizeProgressive):
            size = each.sizes[-1]
        if hasattr(each, "bytes"):
            size = len(each.bytes)
        if size is not None:
            found.append((each.type, size))
    return found


@pytest.mark.rule("files.same-file-same-bytes")
def test_a_file_is_the_same_in_every_message(world: World) -> None:
    """A file in two chats is one file; each message has a reference of its own to it."""
    talk = world.add_private_chat("Grace Hopper", message_count=0)
    document = world.file_store.document(50_000)
    ids = [put_document(world, document), put_document(world, document, talk)]
    world.file_store.reference_ttl = 60.0
    ask = Asker(world)
    found = [
        next(files_of(ask.message(chat, id_)))
        for chat, id_ in zip((world.channels[CLUB], talk), ids, strict=True)
    ]
    assert found[0].file_reference != found[1].file_reference
    assert len({ask.whole(at(file), 64 * KIB) for file in found}) == 1


def test_seeded_chats_repeat_files() -> None:
    """Some photos and documents of seeded chats come again, under the id that they had."""
    chat = World(seed=63).add_channel("Club", message_count=2_000)
    seen: dict[tuple[str, int], set[int]] = {}
    for message_id in chat.ids:
        for file in files_of(chat.message(message_id)):
            seen.setdefault((type(file).__name__, file.id), set()).add(message_id)
    again = [key for key, ids in seen.items() if len(ids) > 1]
    assert {kind for kind, _ in again} == {"Document", "Photo"}


@pytest.mark.rule("files.location-invalid", "files.file-id-invalid")
def test_wrong_locations(world: World) -> None:
    """A wrong access hash, an unknown size and an unknown id are refused, each by its name."""
    channel = world.channels[CLUB]
    world.file_store.reference_ttl = 60.0
    first, second = (put_document(world, world.file_store.document(9)) for _ in range(2))
    ask = Asker(world)
    document = next(files_of(ask.message(channel, first)))
    other = next(files_of(ask.message(channel, second)))
    for location, error in (
        (at(document, access_hash=document.access_hash ^ 1), "LOCATION_INVALID"),
        (at(document, "m"), "LOCATION_INVALID"),
        (at(document, id=document.id ^ 1), "FILE_ID_INVALID"),
        (at(document, id=other.id, access_hash=other.access_hash), "FILE_ID_INVALID"),
        (types.InputTakeoutFileLocation(), "TAKEOUT_REQUIRED"),
        (types.InputStickerSetThumb(types.InputStickerSetID(1, 2), 3), "STICKERSET_INVALID"),
    ):
        with pytest.raises(RpcFault, match=error):
            ask(get(location))
    stream = types.InputGroupCallStream(types.InputGroupCall(1, 2), 3, 4)
    with pytest.raises(UnknownMethodFault):
        ask(get(stream))


@pytest.mark.rule("files.access-hash-per-account", "files.reference-per-account")
def test_hashes_and_references_belong_to_an_account(seeded: World) -> None:
    """What one account may fetch, another may not with the first one's hash or reference."""
    first, second = seeded.accounts
    channel = seeded.channels[CLUB]
    ask, other = Asker(seeded, account=first), Asker(seeded, account=second)
    number = next(id_ for id_ in channel.ids if [*files_of(channel.message(id_))])
    mine = next(files_of(ask.message(channel, number)))
    theirs = next(files_of(other.message(channel, number)))
    thumb = "" if isinstance(mine, types.Document) else "m"
    assert ask(get(at(mine, thumb))).bytes == other(get(at(theirs, thumb))).bytes
    assert other.refused(get(at(mine, thumb))) == "FILE_REFERENCE_INVALID"
    mixed = at(theirs, thumb, access_hash=mine.access_hash)
    assert other.refused(get(mixed)) == "LOCATION_INVALID"


@pytest.mark.rule("files.migrate")
def test_a_file_lives_on_one_data_centre(world: World) -> None:
    """Another data centre sends to the one that has the file, for documents, photos and peers."""
    document = world.file_store.document(9)
    put_document(world, document)
    ask = Asker(world, dc_id=4)
    assert ask.refused(get(at(document))) == "FILE_MIGRATE_2"
    hashes = functions.upload.GetFileHashesRequest(at(document), 0)
    assert ask.refused(hashes) == "FILE_MIGRATE_2"
    user = next(user for user in world.users.values() if user.photo)
    peer = types.InputPeerUser(user.id, user.access_hash)
    location = types.InputPeerPhotoFileLocation(peer, user.photo.photo_id)
    assert ask.refused(get(location)) == f"FILE_MIGRATE_{user.photo.dc_id}"
    with pytest.raises(WorldError, match="dc_id=9"):
        world.file_store.document(9, dc_id=9)


@pytest.mark.rule("files.peer-photo-without-reference")
def test_photos_of_peers(seeded: World) -> None:
    """A profile photo needs the peer, by hash or by a message, and the id that it shows now."""
    channel = seeded.channels[CLUB]
    ask = Asker(seeded)
    refs = [(id_, mark) for id_ in channel.ids for mark in channel.entry(id_)[1] if mark > 0]
    message_id, user = next(
        (id_, seeded.users[mark])
        for id_, mark in refs
        if mark in seeded.users and seeded.users[mark].photo
    )
    by_hash = types.InputPeerUser(user.id, user.access_hash)
    by_message = types.InputPeerUserFromMessage(channel.input_peer(), message_id, user.id)
    photo_id = user.photo.photo_id
    found = [
        [ask.whole(types.InputPeerPhotoFileLocation(p, photo_id, big=big)) for big in (False, True)]
        for p in (by_hash, by_message)
    ]
    assert found[0] == found[1]
    whole = seeded.file_store.peer_photo(seeded.account, user.id, user.photo)
    assert [ask.whole(at(whole, kind)) for kind in "ac"] == found[0]
    stolen = at(whole, "c", id=photo_id ^ 1)
    assert ask.refused(get(stolen)) == "FILE_ID_INVALID"
    for peer, number, error in (
        (by_hash, photo_id ^ 1, "LOCATION_INVALID"),
        (types.InputPeerUser(user.id, user.access_hash ^ 1), photo_id, "PEER_ID_INVALID"),
        (types.InputPeerChat(5), photo_id, "CHAT_ID_INVALID"),
        (types.InputPeerChannel(5, 5), photo_id, "CHANNEL_INVALID"),
        (channel.input_peer(), photo_id, "LOCATION_INVALID"),
        (types.InputPeerSelf(), photo_id, "LOCATION_INVALID"),
        (types.InputPeerUserFromMessage(channel.input_peer(), 1, 5), photo_id, "MSG_ID_INVALID"),
    ):
        assert ask.refused(get(types.InputPeerPhotoFileLocation(peer, number))) == error


# References.


@pytest.mark.rule("files.reference-errors")
def test_empty_and_foreign_references(world: World) -> None:
    """No reference, one that nobody gave, and one of another file are told apart."""
    document = world.file_store.document(9)
    put_document(world, document)
    ask = Asker(world)
    assert len(ask(get(at(document))).bytes) == 9
    assert ask.refused(get(at(document, file_reference=b""))) == "FILE_REFERENCE_EMPTY"
    for garbage in (b"x", bytes(35), document.file_reference[:-1] + b"?"):
        assert ask.refused(get(at(document, file_reference=garbage))) == "FILE_REFERENCE_INVALID"
    world.file_store.reference_ttl = 60.0
    both = types.MessageMediaDocument(
        document=world.file_store.document(9), alt_documents=[world.file_store.document(8)]
    )
    message_id = put_media(world.channels[CLUB], both)[0]
    one, other = files_of(ask.message(world.channels[CLUB], message_id))
    crossed = at(one, file_reference=other.file_reference)
    assert ask.refused(get(crossed)) == "FILE_REFERENCE_INVALID"


@pytest.mark.rule("files.reference-expires", "files.refetch-renews")
def test_references_expire_by_time(world: World) -> None:
    """A reference lives so many seconds of server time; the message brings a new one."""
    channel = world.channels[CLUB]
    world.file_store.reference_ttl = 60.0
    message_id = put_document(world, world.file_store.document(9))
    ask = Asker(world)
    document = next(files_of(ask.message(channel, message_id)))
    ask.now += 59.9
    assert len(ask(get(at(document))).bytes) == 9
    ask.now += 0.2
    assert ask.refused(get(at(document))) == "FILE_REFERENCE_EXPIRED"
    fresh = next(files_of(ask.message(channel, message_id)))
    assert fresh.file_reference != document.file_reference
    assert len(ask(get(at(fresh))).bytes) == 9
    raw = next(files_of(channel.message(message_id)))
    assert ask.refused(get(at(raw))) == "FILE_REFERENCE_EXPIRED"


@pytest.mark.rule("files.refetch-renews")
def test_references_expire_by_use() -> None:
    """A reference opens its file so often; every kind of answer with the message renews it."""
    world = World(seed=61)
    channel = world.add_channel("Club", message_count=900, channel_id=CLUB)
    world.file_store.reference_uses = 2
    number = next(
        id_ for id_ in channel.ids if "Document" in type(channel.message(id_).media).__name__
    )
    ask = Asker(world)
    peer = channel.input_peer()
    answers = (
        functions.channels.GetMessagesRequest(
            types.InputChannel(CLUB, channel.access_hash), [types.InputMessageID(number)]
        ),
        functions.messages.GetHistoryRequest(peer, number + 1, None, 0, 1, 0, 0, 0),
        functions.messages.SearchRequest(
            peer, "", types.InputMessagesFilterEmpty(), None, None, number + 1, 0, 1, 0, 0, 0
        ),
    )
    for request in answers:
        document = next(files_of(ask(request).messages[0]))
        for _ in range(2):
            ask(get(at(document)))
        assert ask.refused(get(at(document))) == "FILE_REFERENCE_EXPIRED"


@pytest.mark.rule("files.reference-origin-gone")
def test_the_origin_of_a_reference_goes(world: World) -> None:
    """A deleted message opens nothing; the file stays where another message has it."""
    channel = world.channels[CLUB]
    world.file_store.reference_ttl = 60.0
    document = world.file_store.document(9)
    ids = [put_document(world, document) for _ in range(2)]
    ask = Asker(world)
    gone, left = (next(files_of(ask.message(channel, id_))) for id_ in ids)
    channel.delete(ids[0])
    assert ask.refused(get(at(gone))) == "FILE_REFERENCE_EXPIRED"
    assert len(ask(get(at(left))).bytes) == 9
    channel.private = True
    assert ask.refused(get(at(left))) == "FILE_REFERENCE_EXPIRED"
    channel.private = False
    assert len(ask(get(at(left))).bytes) == 9
    del world.channels[CLUB]
    assert ask.refused(get(at(left))) == "FILE_REFERENCE_EXPIRED"


def test_expire_references_now(world: World) -> None:
    """The fault ends what was given before its call: of one message, one chat, or all."""
    channel = world.channels[CLUB]
    ids = [put_document(world, world.file_store.document(9)) for _ in range(2)]
    rule = ExpireReferences(nth=2, chat=channel.marked_id, message_ids=ids[:1])
    ask = Asker(
        world, rule, ExpireReferences(nth=5), ExpireReferences(nth=8, chat=channel.marked_id)
    )
    first, second = (next(files_of(ask.message(channel, id_))) for id_ in ids)
    ask(get(at(first)))
    assert ask.refused(get(at(first))) == "FILE_REFERENCE_EXPIRED"
    ask(get(at(second)))
    first = next(files_of(ask.message(channel, ids[0])))
    ask(get(at(first)))
    assert ask.refused(get(at(second))) == "FILE_REFERENCE_EXPIRED"
    assert ask.refused(get(at(first))) == "FILE_REFERENCE_EXPIRED"
    first = next(files_of(ask.message(channel, ids[0])))
    ask(get(at(first)))
    assert ask.refused(get(at(first))) == "FILE_REFERENCE_EXPIRED"
    assert rule.fired == 1
    with pytest.raises(WorldError, match="expected with chat"):
        ExpireReferences(nth=1, message_ids=[1])


def test_media_is_replaced_at_a_request(world: World) -> None:
    """After an edit the old file is not to be had by that message, and the new one is."""
    channel = world.channels[CLUB]
    world.file_store.reference_ttl = 60.0
    message_id = put_document(world, world.file_store.document(9))
    new = types.MessageMediaDocument(document=world.file_store.document(7))
    rule = ReplaceMedia(channel.marked_id, message_id, new, nth=2)
    ask = Asker(world, rule, ReplaceMedia(channel.marked_id, 99, None, every=1))
    old = next(files_of(ask.message(channel, message_id)))
    ask(get(at(old)))
    assert ask.refused(get(at(old))) == "FILE_REFERENCE_EXPIRED"
    fresh = next(files_of(ask.message(channel, message_id)))
    assert len(ask(get(at(fresh))).bytes) == 7
    assert [rule.fired, ask.rules[1].fired] == [1, 0]


# Faults of parts.


def test_faults_of_parts(world: World) -> None:
    """A part is cut, emptied or corrupted at its call, and whole at the next."""
    document = world.file_store.document(10_000)
    put_document(world, document)
    plain = Asker(world)(get(at(document))).bytes
    rules = (
        ShortPart(nth=2, keep=100),
        ShortPart(nth=3),
        CorruptPart(nth=4),
        CorruptPart(nth=5, at=-1),
    )
    ask = Asker(world, *rules)
    found = [ask(get(at(document))).bytes for _ in range(6)]
    assert found[:3] == [plain, plain[:100], b""]
    assert found[5] == plain
    assert [found[n][1:] == plain[1:] for n in (3, 4)] == [True, False]
    assert [found[n][:-1] == plain[:-1] for n in (3, 4)] == [False, True]
    assert [rule.fired for rule in rules] == [1] * 4
    for wrong in (lambda: ShortPart(nth=1, keep=-1), lambda: WrongSize(0)):
        with pytest.raises(WorldError):
            wrong()


@pytest.mark.parametrize(("by", "size"), [(1, 10_001), (-5_000, 5_000), (-20_000, 0)])
def test_a_declared_size_may_lie(world: World, by: int, size: int) -> None:
    """The file is longer or shorter than its message says; others are as they should be."""
    document, other = (world.file_store.document(10_000) for _ in range(2))
    put_document(world, document)
    put_document(world, other)
    rule = WrongSize(by, file_id=document.id)
    ask = Asker(world, rule)
    assert size == len(ask.whole(at(document)))
    assert len(ask.whole(at(other))) == 10_000
    assert rule.fired == 1


# Hashes and files of the web.


@pytest.mark.rule("files.hashes")
@pytest.mark.parametrize("size", [0, 1, 131_072, 3 * MIB + 77])
def test_file_hashes(world: World, size: int) -> None:
    """The hashes of all parts, paged by the end of the last one, are those of the file."""
    document = world.file_store.document(size)
    put_document(world, document)
    ask = Asker(world)
    whole = ask.whole(at(document))
    offset = 0
    while found := ask(functions.upload.GetFileHashesRequest(at(document), offset)):
        for each in found:
            part = whole[each.offset : each.offset + each.limit]
            assert (offset, hashlib.sha256(part).digest()) == (each.offset, each.hash)
            offset += each.limit
    assert size == offset
    again = Blob(f"{world.seed}/document/{document.id}/", size, "", 0, 2)
    assert hashlib.sha256(whole).digest() == file_sha256(again)
    assert ask.refused(functions.upload.GetFileHashesRequest(at(document), -1)) == "OFFSET_INVALID"


def test_files_of_the_web(world: World) -> None:
    """Maps and web documents are served in parts; a map that cannot be is refused."""
    ask = Asker(world)
    point = types.InputGeoPoint(52.5, 13.4)

    def part(location: Any, offset: int = 0) -> Any:
        return functions.upload.GetWebFileRequest(location, offset, 512 * KIB)

    where = types.InputWebFileGeoPointLocation(point, 1, 320, 240, 15, 2)
    shown = ask(part(where))
    assert (shown.mime_type, shown.size) == ("image/png", len(shown.bytes))
    assert ask(part(types.InputWebFileLocation("https://example.org/p.jpg", 5))).bytes
    for wrong in (
        types.InputWebFileGeoPointLocation(point, 1, 8, 240, 15, 2),
        types.InputWebFileGeoPointLocation(types.InputGeoPointEmpty(), 1, 320, 240, 15, 2),
        types.InputWebFileLocation("", 5),
    ):
        assert ask.refused(part(wrong)) == "LOCATION_INVALID"
    with pytest.raises(UnknownMethodFault):
        ask(part(types.InputWebFileAudioAlbumThumbLocation(title="a", performer="b")))


def test_files_travel_in_the_recipe(world: World) -> None:
    """A world made again in another process has the same files and the same switches."""
    document = world.file_store.add(b"abc" * 2_000)
    message_id = put_document(world, document)
    world.file_store.reference_ttl = 5.0
    world.assume = Assumptions(past_end="error")
    again = World.from_recipe(world.recipe())
    ask = Asker(again)
    found = next(files_of(ask.message(again.channels[CLUB], message_id)))
    assert ask(get(at(found), 4096)).bytes == (b"abc" * 2_000)[4096:]
    assert again.file_store.reference_ttl == 5.0
    assert again.file_store.document(5).id == world.file_store.document(5).id


@pytest.mark.rule("files.hash-parts", side="131072")
@pytest.mark.parametrize("size", [131_072])
def test_hashes_are_of_128_kib(world: World, size: int) -> None:
    """As clients have seen."""
    assert [size, size, 5] == _hashed(world, size)


@pytest.mark.rule("files.hash-parts", side="65536")
@pytest.mark.parametrize("size", [65_536])
def test_hashes_may_be_of_64_kib(world: World, size: int) -> None:
    """Or of other parts: no page says of which."""
    assert [size] * 4 + [5] == _hashed(world, size)


def _hashed(world: World, size: Any) -> list[int]:
    """Return how long the parts are that have a hash."""
    world.assume = Assumptions(hashed_part=size)
    document = world.file_store.document(256 * KIB + 5)
    put_document(world, document)
    request = functions.upload.GetFileHashesRequest(at(document), 0)
    return [each.limit for each in Asker(world)(request)]


@pytest.mark.rule("files.noforwards", side="open")
def test_what_must_not_be_forwarded_can_be_fetched(world: World) -> None:
    """The flag is one for people, by default."""
    assert len(Asker(world)(get(_unforwardable(world, "open"))).bytes) == 9


@pytest.mark.rule("files.noforwards", side="refused")
def test_what_must_not_be_forwarded_may_be_refused(world: World) -> None:
    """Or it holds for files, too."""
    location = _unforwardable(world, "refused")
    assert Asker(world).refused(get(location)) == "CHAT_FORWARDS_RESTRICTED"


def _unforwardable(world: World, side: Any) -> Any:
    """Put a document that must not be forwarded; return where it is."""
    world.assume = Assumptions(noforwards=side)
    channel = world.channels[CLUB]
    number = put_document(world, world.file_store.document(9))
    message = channel.message(number)
    message.noforwards = True
    channel.put(message)
    return at(next(files_of(Asker(world).message(channel, number))))
