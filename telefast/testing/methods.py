"""The methods that the embedded Telegram answers, each as exact TL bytes.

What it does not know it refuses loudly (`UnknownMethodFault`); what Telegram refuses it refuses
with Telegram's error. Where no source says what Telegram does, the docstring says what we chose.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.access import NOT_FOR_BOTS, open_channel
from telefast.testing.client_faults import ClientFault, is_breach
from telefast.testing.method_auth import AUTH_HANDLERS, check_login
from telefast.testing.method_cdn import CDN_HANDLERS
from telefast.testing.method_dialogs import DIALOG_HANDLERS
from telefast.testing.method_discussion import DISCUSSION_HANDLERS
from telefast.testing.method_files import FILE_HANDLERS
from telefast.testing.method_forum import FORUM_HANDLERS
from telefast.testing.method_messages import MESSAGE_HANDLERS
from telefast.testing.method_peers import PEER_HANDLERS
from telefast.testing.method_people import PEOPLE_HANDLERS
from telefast.testing.method_polls import POLL_HANDLERS
from telefast.testing.method_positions import POSITION_HANDLERS
from telefast.testing.method_reactions import REACTION_HANDLERS
from telefast.testing.method_search import SEARCH_HANDLERS
from telefast.testing.method_shelf import SHELF_HANDLERS
from telefast.testing.method_takeout import TAKEOUT_HANDLERS, check_takeout
from telefast.testing.rpc import Call, RpcFault, UnknownMethodFault

__all__ = ["HANDLERS", "NOW", "answer", "note_fault"]

NOW = datetime(2026, 1, 1, tzinfo=UTC)
"""The date in every answer that tells one: a world does not age."""


def answer(call: Call) -> bytes:
    """Apply the rules' `before`, check that somebody is logged in, then answer the call.

    Returns:
        The exact TL bytes of the result.

    Raises:
        RpcFault: If the method or a rule refuses; `UnknownMethodFault` if there is no handler.
    """
    call.world.file_store.now = call.now
    for rule in call.rules:
        rule.before(call)
    try:
        return _answer(call)
    except RpcFault as fault:
        note_fault(call, fault)
        raise


def note_fault(call: Call, fault: RpcFault) -> None:
    """Write down that a request was refused, if that is the client's fault."""
    if is_breach(fault.code, fault.message):
        call.ledger.on_client_fault(
            ClientFault(call.method, fault.message, call.now, call.connection, call.dc_id)
        )


def _answer(call: Call) -> bytes:
    """Answer a call that no rule refused."""
    check_login(call)
    if call.key.account is not None and call.account.me.bot and call.method in NOT_FOR_BOTS:
        raise RpcFault(400, "BOT_METHOD_INVALID")
    check_takeout(call)
    handler = HANDLERS.get(type(call.request))
    if handler is None:
        raise UnknownMethodFault(call.method)
    return handler(call)


# What a client asks by itself.


def _get_config(call: Call) -> bytes:
    options: list[types.TypeDcOption] = [
        types.DcOption(
            id=address.dc_id,
            ip_address=address.host,
            port=address.port,
            media_only=address.media_only or None,
            cdn=address.cdn or None,
        )
        for address in call.addresses
    ]
    return bytes(
        types.Config(
            date=NOW,
            expires=NOW + timedelta(hours=1),
            test_mode=False,
            this_dc=call.dc_id,
            dc_options=options,
            dc_txt_domain_name="",
            chat_size_max=200,
            megagroup_size_max=200_000,
            forwarded_count_max=100,
            online_update_period_ms=210_000,
            offline_blur_timeout_ms=5_000,
            offline_idle_timeout_ms=30_000,
            online_cloud_timeout_ms=300_000,
            notify_cloud_delay_ms=30_000,
            notify_default_delay_ms=1_500,
            push_chat_period_ms=60_000,
            push_chat_limit=2,
            edit_time_limit=172_800,
            revoke_time_limit=2**31 - 1,
            revoke_pm_time_limit=2**31 - 1,
            rating_e_decay=2_419_200,
            stickers_recent_limit=200,
            channels_read_media_period=604_800,
            call_receive_timeout_ms=20_000,
            call_ring_timeout_ms=90_000,
            call_connect_timeout_ms=30_000,
            call_packet_timeout_ms=10_000,
            me_url_prefix="https://t.me/",
            caption_length_max=1024,
            message_length_max=4096,
            webfile_dc_id=call.world.file_store.web_dc_id or call.dc_id,
        )
    )


def _get_state(call: Call) -> bytes:
    return bytes(types.updates.State(pts=1, qts=0, date=NOW, seq=1, unread_count=0))


def _get_difference(call: Call) -> bytes:
    return bytes(types.updates.DifferenceEmpty(date=NOW, seq=1))


def _get_channel_difference(call: Call) -> bytes:
    channel = open_channel(call.account, call.request.channel)
    return bytes(types.updates.ChannelDifferenceEmpty(pts=channel.pts, final=True, timeout=300))


HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.help.GetConfigRequest: _get_config,
    functions.updates.GetChannelDifferenceRequest: _get_channel_difference,
    functions.updates.GetDifferenceRequest: _get_difference,
    functions.updates.GetStateRequest: _get_state,
    **AUTH_HANDLERS,
    **CDN_HANDLERS,
    **FILE_HANDLERS,
    **PEER_HANDLERS,
    **POLL_HANDLERS,
    **POSITION_HANDLERS,
    **PEOPLE_HANDLERS,
    **DIALOG_HANDLERS,
    **DISCUSSION_HANDLERS,
    **FORUM_HANDLERS,
    **MESSAGE_HANDLERS,
    **REACTION_HANDLERS,
    **SEARCH_HANDLERS,
    **SHELF_HANDLERS,
    **TAKEOUT_HANDLERS,
}
"""Request type -> handler: returns the TL bytes of the result object, or raises `RpcFault`."""
