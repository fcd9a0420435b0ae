"""Test programs that use Telethon against a Telegram of your own.

`LocalTelegram` is a real MTProto server on 127.0.0.1; the client is Telethon's, unmodified. What
it sees is a `World`: made from a seed, so that a chat of a million messages costs next to nothing
until it is read, or from a Telegram Desktop export of a real chat (`world_from_export`). It pages
as Telegram pages, refuses what Telegram refuses, misbehaves on demand (the `Rule`s), and counts
all that was asked of it in a `Ledger`, so that tests can assert on requests instead of on time:

```python
async def test_export_reads_everything() -> None:
    world = World(seed=7)
    world.add_channel("Ships", message_count=1_000, holes=0.05, username="ships")
    async with LocalTelegram(world, rules=[ShortPage(every=3)]) as telegram:
        async with telegram.client() as client:
            exported = [message.id async for message in my_export(client, "ships")]
    assert len(exported) == 1_000
    assert telegram.requests["messages.getHistory"] <= 11
    assert not telegram.unknown
```
"""

from __future__ import annotations

from telefast.testing.account import Account
from telefast.testing.assumptions import Assumptions
from telefast.testing.channel import Channel
from telefast.testing.chat import Chat
from telefast.testing.client_faults import ClientFault
from telefast.testing.clock import Clock, VirtualClock
from telefast.testing.datacentres import DataCentre
from telefast.testing.dialogs import DialogBook
from telefast.testing.export import ExportedWorld, ExportReport, world_from_export
from telefast.testing.fault_answers import (
    GzipErrors,
    ScrambleIds,
    UnknownConstructor,
    UpdateStorm,
)
from telefast.testing.fault_calls import ChangeWorld, ClampAddOffset, ErrorOn, HoldBack, NeverAnswer
from telefast.testing.fault_dialogs import OverlapDialogs, RepeatDialogs
from telefast.testing.fault_files import (
    CorruptPart,
    ExpireReferences,
    ReplaceMedia,
    ShortPart,
    WrongSize,
)
from telefast.testing.fault_lines import (
    CutAfter,
    LoseReply,
    MaxConnections,
    RefuseConnection,
    RefuseKeyExchange,
    RevokeAccount,
    TransportError,
)
from telefast.testing.fault_pages import (
    OnlyEmpty,
    RepeatLastId,
    Restricted,
    ShortPage,
    SwapNeighbours,
)
from telefast.testing.fault_people import MinUsers, MissingUsers
from telefast.testing.fault_protocol import (
    AskClient,
    BadMessage,
    ClockSkew,
    DropSilent,
    LatePongs,
    Packing,
    StrayPackets,
)
from telefast.testing.fault_proxy import ProxyTarget, SocksProxy
from telefast.testing.fault_reactions import ChangeReactions, ShortReactions
from telefast.testing.fault_select import Where
from telefast.testing.fault_topics import (
    BumpTopics,
    DeletedTopics,
    MissingTopMessages,
    ReducedTopics,
    RefuseGeneral,
    RepeatTopics,
    ShortTopics,
)
from telefast.testing.faults import Line, LineRule, Rule, Timed, UnusedRuleError
from telefast.testing.file_shelf import Shelf
from telefast.testing.file_store import Files
from telefast.testing.flood_limits import FixedWindow, Lockout, TokenBucket
from telefast.testing.flood_model import Budget
from telefast.testing.flood_profiles import FloodProfile, flood_profile
from telefast.testing.forum import Forum
from telefast.testing.forum_topic import Topic
from telefast.testing.ledger import Attempt, Ledger
from telefast.testing.local import LocalTelegram
from telefast.testing.media_samples import (
    hostile_names,
    put_media,
    sample_kinds,
    sample_media,
)
from telefast.testing.method_cdn import CdnRedirect
from telefast.testing.method_takeout import TakeoutDelay, TakeoutRequired, TakeoutSession
from telefast.testing.polls import make_poll
from telefast.testing.private import Group, PrivateChat
from telefast.testing.process import EmbeddedTelegramError
from telefast.testing.reactions import ReactionBook
from telefast.testing.rpc import Call, Empty, RpcFault
from telefast.testing.virtual import (
    VirtualDeadlockError,
    VirtualLoop,
    run_virtual,
    virtual_loop,
    virtual_time,
)
from telefast.testing.world import World

__all__ = [
    "Account",
    "AskClient",
    "Assumptions",
    "Attempt",
    "BadMessage",
    "Budget",
    "BumpTopics",
    "Call",
    "CdnRedirect",
    "ChangeReactions",
    "ChangeWorld",
    "Channel",
    "Chat",
    "ClampAddOffset",
    "ClientFault",
    "Clock",
    "ClockSkew",
    "CorruptPart",
    "CutAfter",
    "DataCentre",
    "DeletedTopics",
    "DialogBook",
    "DropSilent",
    "EmbeddedTelegramError",
    "Empty",
    "ErrorOn",
    "ExpireReferences",
    "ExportReport",
    "ExportedWorld",
    "Files",
    "FixedWindow",
    "FloodProfile",
    "Forum",
    "Group",
    "GzipErrors",
    "HoldBack",
    "LatePongs",
    "Ledger",
    "Line",
    "LineRule",
    "LocalTelegram",
    "Lockout",
    "LoseReply",
    "MaxConnections",
    "MinUsers",
    "MissingTopMessages",
    "MissingUsers",
    "NeverAnswer",
    "OnlyEmpty",
    "OverlapDialogs",
    "Packing",
    "PrivateChat",
    "ProxyTarget",
    "ReactionBook",
    "ReducedTopics",
    "RefuseConnection",
    "RefuseGeneral",
    "RefuseKeyExchange",
    "RepeatDialogs",
    "RepeatLastId",
    "RepeatTopics",
    "ReplaceMedia",
    "Restricted",
    "RevokeAccount",
    "RpcFault",
    "Rule",
    "ScrambleIds",
    "Shelf",
    "ShortPage",
    "ShortPart",
    "ShortReactions",
    "ShortTopics",
    "SocksProxy",
    "StrayPackets",
    "SwapNeighbours",
    "TakeoutDelay",
    "TakeoutRequired",
    "TakeoutSession",
    "Timed",
    "TokenBucket",
    "Topic",
    "TransportError",
    "UnknownConstructor",
    "UnusedRuleError",
    "UpdateStorm",
    "VirtualClock",
    "VirtualDeadlockError",
    "VirtualLoop",
    "Where",
    "World",
    "WrongSize",
    "flood_profile",
    "hostile_names",
    "make_poll",
    "put_media",
    "run_virtual",
    "sample_kinds",
    "sample_media",
    "virtual_loop",
    "virtual_time",
    "world_from_export",
]
