"""All errors that telefast raises, by who must act.

```text
TelefastError
├─ UsageError                    the caller
│  ├─ ArgumentError              (ValueError) an argument has no legal value
│  ├─ WorldError                 (ValueError) a world of `telefast.testing` contradicts itself
│  ├─ SettingsError              (ValueError) the environment holds an unknown or illegal setting
│  ├─ LinkError                  (ValueError) no link to a chat or a message
│  ├─ PeerNotFoundError          (ValueError) a peer that this account cannot name to Telegram
│  ├─ ConcurrentUseError         (RuntimeError) two consumers on one stream
│  ├─ ClosedError                (RuntimeError) used after it was closed
│  └─ CursorMismatchError        (ValueError) a cursor of another chat or query
├─ RemoteError                   Telegram or the network
│  ├─ DeadlineError              (TimeoutError) no answer within the deadline
│  ├─ ConnectionLostError        (ConnectionError) the connection ended with requests in flight
│  ├─ UnreachableError           (ConnectionError) no connection to a data centre comes about
│  ├─ AccountRevokedError        Telegram has ended the login
│  ├─ UnexpectedAnswerError      the answer is not what the method returns
│  ├─ FileUnavailableError       a file that cannot be had, or not any more
│  ├─ FileMismatchError          the bytes that come are not those of the file
│  ├─ FloodWaitTooLongError      a flood wait beyond what the caller allows
│  ├─ TakeoutDelayError          a takeout has to be confirmed, or waited for, first
│  ├─ GroupMigratedError         a basic group became a supergroup while it was read
│  └─ DiscussionClosedError      comments that this account may not read
├─ StorageError                  this machine
│  ├─ DiskFullError              (OSError) no room for what was to be written
│  ├─ StoreLockedError           (BlockingIOError) another writer has the store or checkpoint open
│  ├─ UnsafePathError            a link lies where a file of an archive is to be
│  ├─ StateError                 (ValueError) a file of saved progress cannot be read
│  │  ├─ CorruptStateError       its bytes are damaged
│  │  └─ UnsupportedStateError   it was written by a later release
│  └─ ChunkError                 (ValueError) a chunk cannot be read or made
│     ├─ CorruptChunkError       its bytes are damaged
│     ├─ ChunkTooLargeError      it exceeds a limit
│     └─ UnsupportedChunkError   it was written by a later release
├─ CompatibilityError            the installed Telethon lacks a name that telefast relies on
└─ MissingExtraError             (ImportError) an extra of telefast is not installed
```

Telethon's own errors pass through untouched. An error says whether the same call may be tried
again later (`TelefastError.retryable`), and also inherits the built-in that a caller would
already catch. No message holds a secret or the text of a chat.
"""

from __future__ import annotations

import errno
from datetime import UTC, datetime

__all__ = [
    "AccountRevokedError",
    "ArgumentError",
    "ChunkError",
    "ChunkTooLargeError",
    "ClosedError",
    "CompatibilityError",
    "ConcurrentUseError",
    "ConnectionLostError",
    "CorruptChunkError",
    "CorruptStateError",
    "CursorMismatchError",
    "DeadlineError",
    "DiscussionClosedError",
    "DiskFullError",
    "FileMismatchError",
    "FileUnavailableError",
    "FloodWaitTooLongError",
    "ForumAccessError",
    "GroupMigratedError",
    "LinkError",
    "MissingExtraError",
    "NotAForumError",
    "PeerNotFoundError",
    "RemoteError",
    "SettingsError",
    "StateError",
    "StorageError",
    "StoreLockedError",
    "TakeoutDelayError",
    "TelefastError",
    "UnexpectedAnswerError",
    "UnreachableError",
    "UnsafePathError",
    "UnsupportedChunkError",
    "UnsupportedStateError",
    "UsageError",
    "WorldError",
]


class TelefastError(Exception):
    """Base of all errors that telefast raises by itself."""

    retryable: bool = False
    """Whether the same call may succeed later without a change by the caller."""


class UsageError(TelefastError):
    """The caller must change the call."""


class ArgumentError(UsageError, ValueError):
    """An argument has no legal value; nothing was sent.

    Args:
        name: The argument's name.
        value: What was passed. Only its `repr` is kept in the message, cut at 80 characters.
        expected: The legal values, in words.
    """

    def __init__(self, name: str, value: object, expected: str) -> None:
        shown = repr(value)
        if len(shown) > 80:
            shown = f"{shown[:77]}..."
        super().__init__(f"{name}={shown}: expected {expected}")
        self.name = name
        self.expected = expected


class WorldError(UsageError, ValueError):
    """A world for the embedded Telegram contradicts itself, or an export file cannot be read."""


class SettingsError(UsageError, ValueError):
    """A setting in the environment is unknown or has no legal value."""


class LinkError(UsageError, ValueError):
    """A text is no link to a chat, a message or an invitation.

    Args:
        problem: What is wrong with it. The link itself may hold a secret and is not shown.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"no link to a chat or a message: {problem}")
        self.problem = problem


class PeerNotFoundError(UsageError, ValueError):
    """A peer that this account cannot name to Telegram.

    An id alone opens nothing: Telegram wants the access hash that goes with it, or a message in
    which the account has seen the peer.

    Args:
        peer: The marked id, or the username.
        problem: Why not, and what to do.
    """

    def __init__(self, peer: int | str, problem: str) -> None:
        super().__init__(f"{peer}: {problem}")
        self.peer = peer
        self.problem = problem


class NotAForumError(UsageError, ValueError):
    """A chat that is no forum, or none whose topics are messages of one chat.

    Args:
        chat_id: Marked id of the chat.
        kind: What it is: `user`, `group` (basic), `supergroup` (topics are off), `channel`,
            `bot_forum` (a bot in whose private chat there are topics) or `monoforum` (the direct
            messages of a channel, where each topic is a person).
    """

    def __init__(self, chat_id: int, kind: str) -> None:
        texts = {
            "user": "is a person, who has no topics",
            "group": "is a basic group, which has no topics",
            "supergroup": "is a supergroup whose topics are turned off",
            "channel": "is a channel, which has no topics",
            "bot_forum": "is a bot with topics in its private chat; read them as a private chat",
            "monoforum": "is the direct messages of a channel: its topics are people, not messages",
        }
        super().__init__(f"{chat_id}: no forum: it {texts.get(kind, kind)}")
        self.chat_id = chat_id
        self.kind = kind


class ConcurrentUseError(UsageError, RuntimeError):
    """Two consumers take from one stream; give each its own."""


class ClosedError(UsageError, RuntimeError):
    """The object was closed; make a new one."""


class CursorMismatchError(UsageError, ValueError):
    """A cursor or checkpoint belongs to another chat, or to another query of it.

    Args:
        what: In what they differ.
        expected: What the cursor holds.
        given: What was asked for.
    """

    def __init__(self, what: str, expected: object, given: object) -> None:
        super().__init__(
            f"{what}: the cursor holds {expected}, not {given}; resume with the arguments of the "
            "stream that it comes from"
        )
        self.what = what


class RemoteError(TelefastError):
    """Telegram or the network did not do its part."""

    retryable = True


class DeadlineError(RemoteError, TimeoutError):
    """A request had no answer within its deadline, though it was asked several times.

    Args:
        method: Telegram's name of the method.
        timeout: The deadline of one request, in seconds.
        attempts: How often it was asked.
    """

    def __init__(self, method: str, timeout: float, attempts: int) -> None:
        super().__init__(
            f"{method}: no answer in {timeout:g} s, asked {attempts} times; "
            "raise timeout= or check the connection"
        )
        self.method = method
        self.timeout = timeout
        self.attempts = attempts


class ConnectionLostError(RemoteError, ConnectionError):
    """A connection ended while a request was in flight.

    Args:
        method: Telegram's name of the method.
        problem: What happened, and what to do. Default: the client was disconnected.
    """

    def __init__(
        self, method: str, problem: str = "the client was disconnected; connect it and resume"
    ) -> None:
        super().__init__(f"{method}: {problem}")
        self.method = method


class UnreachableError(RemoteError, ConnectionError):
    """No connection to a data centre comes about.

    Args:
        dc_id: The data centre.
        problem: What the last attempt came to, without an address.
    """

    def __init__(self, dc_id: int, problem: str) -> None:
        super().__init__(
            f"data centre {dc_id}: {problem}; check the network and the proxy, and try again"
        )
        self.dc_id = dc_id


class AccountRevokedError(RemoteError):
    """Telegram has ended the login: of the account, or its copy at another data centre.

    Nothing more is asked, and no connection made.

    Args:
        dc_id: The data centre that said so.
        reason: Telegram's name for it, such as `SESSION_REVOKED` or `AUTH_KEY_DUPLICATED`.
    """

    retryable = False

    def __init__(self, dc_id: int, reason: str) -> None:
        super().__init__(f"data centre {dc_id}: {reason}: the login has ended; log in again")
        self.dc_id = dc_id
        self.reason = reason


class UnexpectedAnswerError(RemoteError):
    """An answer is an object of another kind than the method returns.

    Args:
        method: Telegram's name of the method.
        answer: Name of the object's type.
    """

    def __init__(self, method: str, answer: str) -> None:
        super().__init__(f"{method}: answered {answer}, not messages; try again")
        self.method = method
        self.answer = answer


class FileUnavailableError(RemoteError):
    """A file cannot be had, or not any more.

    Args:
        file: Its key, as `str(item.key)`.
        reason: `deleted`: it is no longer where it was seen. `reference`: its file reference has
            expired, and there is no fresh one that is valid. `external`: Telegram does not serve
            it. `protected`: its message is not to be saved, see `telefast.items_of`.
    """

    def __init__(self, file: str, reason: str) -> None:
        texts = {
            "deleted": "it is no longer where it was seen; read its message again",
            "reference": "its reference has expired, and no fresh one that is valid can be had",
            "external": "Telegram does not serve it",
            "protected": "its message is not to be saved; a policy of yours may decide otherwise",
        }
        super().__init__(f"{file}: {texts.get(reason, reason)}")
        self.file = file
        self.reason = reason


class FileMismatchError(RemoteError, ValueError):
    """The bytes that Telegram sends are not those of the file; none of them are kept.

    Args:
        file: Its key, as `str(item.key)`.
        problem: What is wrong with them.
    """

    retryable = True

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(f"{file}: {problem}")
        self.file = file
        self.problem = problem


class FloodWaitTooLongError(RemoteError):
    """Telegram asks for a longer wait than the caller allows.

    Args:
        method: Telegram's name of the method.
        seconds: The wait that Telegram asks for.
        budget: The longest wait allowed (`max_flood_wait`), in seconds.
        resume_at: When the wait ends, in seconds since the epoch.
    """

    def __init__(self, method: str, seconds: float, budget: float, resume_at: float) -> None:
        super().__init__(
            f"{method}: Telegram asks to wait {seconds:g} s, more than max_flood_wait={budget:g}; "
            "resume later or raise max_flood_wait="
        )
        self.method = method
        self.seconds = seconds
        self.budget = budget
        self.resume_at = resume_at


class ForumAccessError(RemoteError, PermissionError):
    """This account may not see the topics of a forum.

    Args:
        chat_id: Marked id of the forum.
        reason: Telegram's name for it, such as `CHANNEL_PRIVATE` or `CHAT_ADMIN_REQUIRED`.
    """

    retryable = False

    def __init__(self, chat_id: int, reason: str) -> None:
        super().__init__(
            f"{chat_id}: {reason}: this account may not see the topics of this forum; "
            "join it, have its admins let this account in, or use an account that is a member"
        )
        self.chat_id = chat_id
        self.reason = reason


class TakeoutDelayError(RemoteError):
    """Telegram does not let a takeout begin yet.

    Args:
        seconds: How long Telegram asks to wait, if the user confirms nothing.
        retry_at: When that is over, in seconds since the epoch.
    """

    def __init__(self, seconds: float, retry_at: float) -> None:
        self.seconds = seconds
        self.retry_at = retry_at
        super().__init__(
            f"Telegram lets a takeout begin in {seconds:g} s ({self.date:%Y-%m-%d %H:%M:%S} UTC); "
            "confirm it on another device of the account and try again at once, or wait, "
            'or go on without one (takeout="auto" or False)'
        )

    @property
    def date(self) -> datetime:
        """When the wait is over, in UTC."""
        return datetime.fromtimestamp(self.retry_at, UTC)


class GroupMigratedError(RemoteError):
    """A basic group became a supergroup while its history was read.

    All that was fetched of the basic group has been delivered; what is posted since is in the
    supergroup.

    Args:
        old_id: Marked id of the basic group.
        new_id: Marked id of the supergroup.
    """

    retryable = False

    def __init__(self, old_id: int, new_id: int) -> None:
        super().__init__(
            f"group {old_id} became supergroup {new_id} while it was read; "
            "read that one too, or pass follow_migration=True"
        )
        self.old_id = old_id
        self.new_id = new_id


class DiscussionClosedError(RemoteError):
    """The comments on a channel's posts are in a group that this account may not read.

    All comments that were read before it have been delivered. `__cause__` is what Telegram says.

    Args:
        channel_id: Marked id of the channel.
        group_id: Marked id of its discussion group; 0 if it has none any more.
    """

    retryable = False

    def __init__(self, channel_id: int, group_id: int) -> None:
        super().__init__(
            f"the comments on posts of channel {channel_id} are in group {group_id}, which this "
            "account may not read; join it, or ask its administrators"
        )
        self.channel_id = channel_id
        self.group_id = group_id


class StorageError(TelefastError):
    """This machine did not do its part: a disk, or a file on it."""


class DiskFullError(StorageError, OSError):
    """There is no room for what was to be written; what was there before is untouched.

    Args:
        path: The file that was written to.
        size: Bytes that were to be added; 0 if unknown.
    """

    retryable = True

    def __init__(self, path: str, size: int) -> None:
        what = f"{size} more bytes" if size else "more"
        super().__init__(f"{path}: no room for {what}; make room and try again")
        self.errno = errno.ENOSPC
        self.path = path
        self.size = size


class StoreLockedError(StorageError, BlockingIOError):
    """Another writer, in this process or in another one, has the store or checkpoint open.

    Args:
        path: The folder of the store, or the file of the checkpoint.
        holder: The id of the process that writes, None if it cannot be told.
    """

    retryable = True

    def __init__(self, path: str, holder: int | None) -> None:
        who = "another writer" if holder is None else f"process {holder}"
        super().__init__(f"{path}: {who} has it open; there is one writer at a time")
        self.path = path
        self.holder = holder


class UnsafePathError(StorageError):
    """A link lies in an archive where a folder or a file of it is to be; nothing is written there.

    What would be written could land anywhere on this machine.

    Args:
        path: The link.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: this is a link out of the archive; remove it and try again")
        self.path = path


class StateError(StorageError, ValueError):
    """Saved progress cannot be read.

    Args:
        problem: What is wrong with it.
        path: Its file; None for bytes in memory.
    """

    def __init__(self, problem: str, *, path: str | None = None) -> None:
        super().__init__(f"{'saved progress' if path is None else path}: {problem}")
        self.problem = problem
        self.path = path


class CorruptStateError(StateError):
    """The bytes of saved progress are not those that were written."""


class UnsupportedStateError(StateError):
    """Saved progress was written by a later release of telefast."""


class ChunkError(StorageError, ValueError):
    """A chunk cannot be read or made.

    Args:
        problem: What is wrong with it.
        path: Its file; None for bytes in memory.
        offset: Where it begins there.
    """

    def __init__(self, problem: str, *, path: str | None = None, offset: int = 0) -> None:
        where = "chunk" if path is None else f"{path}, chunk at byte {offset}"
        super().__init__(f"{where}: {problem}")
        self.problem = problem
        self.path = path
        self.offset = offset


class CorruptChunkError(ChunkError):
    """The bytes of a chunk are not those that were written.

    Args:
        path: Its file; None for bytes in memory.
        offset: Where it begins there.
        problem: What is wrong with it.
    """

    def __init__(self, path: str | None, offset: int, problem: str) -> None:
        super().__init__(problem, path=path, offset=offset)


class ChunkTooLargeError(ChunkError):
    """A chunk exceeds a limit.

    Args:
        limit: The limit's name.
        value: Its value.
        size: What the chunk has or claims to have.
        path: Its file; None for bytes in memory.
        offset: Where it begins there.
    """

    def __init__(
        self, limit: str, value: int, size: int, *, path: str | None = None, offset: int = 0
    ) -> None:
        super().__init__(f"{size} bytes, more than {limit}={value}", path=path, offset=offset)
        self.limit = limit
        self.value = value
        self.size = size


class UnsupportedChunkError(ChunkError):
    """A chunk was written by a later release of telefast; this one cannot read it.

    Args:
        version: The version of its format.
        problem: What this release does not know.
        path: Its file; None for bytes in memory.
        offset: Where it begins there.
    """

    def __init__(
        self, version: int, problem: str, *, path: str | None = None, offset: int = 0
    ) -> None:
        super().__init__(
            f"{problem} is not known to this release; upgrade telefast", path=path, offset=offset
        )
        self.version = version


class CompatibilityError(TelefastError):
    """The installed Telethon lacks a name that telefast relies on.

    Args:
        name: The missing name.
        telethon_version: The version that is installed.
    """

    def __init__(self, name: str, telethon_version: str) -> None:
        super().__init__(
            f"Telethon {telethon_version} has no {name}; install a version that telefast supports "
            "(telethon>=1.42)"
        )
        self.name = name
        self.telethon_version = telethon_version


class MissingExtraError(TelefastError, ImportError):
    """What is imported needs an extra of telefast, which is not installed.

    Args:
        extra: The extra, such as `prometheus`.
        name: The module that is missing.
    """

    def __init__(self, extra: str, name: str) -> None:
        super().__init__(f"no module {name}: pip install 'telefast[{extra}]'")
        self.extra = extra
        self.name = name
