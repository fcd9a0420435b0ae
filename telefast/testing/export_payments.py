"""Rebuild service actions about money: payments, gifts, stars, giveaways, suggested posts.

Prices stand in the export as formatted text ("4,99 €") that cannot be read back; they are counted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telethon.tl import types

from telefast.testing.export_fields import LONG_MAX, Record
from telefast.testing.export_text import read_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from telefast.testing.export_media import Place
    from telefast.testing.export_people import People

__all__ = ["PAYMENTS"]

_NANOS = 10**9


def _payment(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    recurring = record.text("recurring")
    return types.MessageActionPaymentSent(
        currency=record.text("currency") or "",
        total_amount=_amount(record, "amount"),
        recurring_init=recurring == "init" or None,
        recurring_used=recurring == "used" or None,
    )


def _refund(record: Record, _place: Place, people: People) -> types.TypeMessageAction | None:
    peer = record.peer("peer_id")
    people.meet(peer, record.text("peer_name"))
    currency, amount = record.text("currency") or "", _amount(record, "amount")
    charge = types.PaymentCharge(record.text("charge_id") or "", "")
    if peer is None:
        return None
    return types.MessageActionPaymentRefunded(peer, currency, amount, charge)


def _premium(record: Record, _place: Place, _people: People) -> types.TypeMessageAction | None:
    _price(record)
    period = _period(record)
    if period is None:
        return None
    made: types.TypeMessageAction | None = record.build(
        "MessageActionGiftPremium", currency="", amount=0, **period
    )
    return made


def _gift_code(record: Record, _place: Place, people: People) -> types.TypeMessageAction | None:
    period = _period(record)
    slug = record.text("gift_code") or ""
    boost_peer = record.peer("boost_peer_id")
    people.meet(boost_peer, None)
    is_unclaimed, is_via_giveaway = record.flag("unclaimed"), record.flag("via_giveaway")
    if period is None:
        return None
    made: types.TypeMessageAction | None = record.build(
        "MessageActionGiftCode",
        slug=slug,
        unclaimed=is_unclaimed or None,
        via_giveaway=is_via_giveaway or None,
        boost_peer=boost_peer,
        **period,
    )
    return made


def _gift_stars(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    _price(record)
    whole, _ = _whole_and_nanos(record, "amount")
    return types.MessageActionGiftStars("", 0, _amount(record, "stars") or whole)


def _gift_ton(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    _price(record)
    whole, nanos = _whole_and_nanos(record, "amount")
    amount = min(whole * _NANOS + nanos, LONG_MAX)
    return types.MessageActionGiftTon("", 0, crypto_currency="TON", crypto_amount=amount)


def _prize(record: Record, _place: Place, people: People) -> types.TypeMessageAction | None:
    boost_peer = record.peer("boost_peer_id")
    people.meet(boost_peer, record.text("boost_peer_name"))
    stars, transaction = _amount(record, "stars"), record.text("transaction_id") or ""
    launch, is_unclaimed = record.integer("giveaway_msg_id") or 0, record.flag("is_unclaimed")
    if boost_peer is None:
        return None
    return types.MessageActionPrizeStars(
        stars, transaction, boost_peer, launch, unclaimed=is_unclaimed or None
    )


def _star_gift(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    gift_id = record.integer("gift_id", high=2**64 - 1) or 0
    if gift_id > LONG_MAX:
        gift_id -= 2**64
    record.miss("picture of a gift", "gift_id")
    text = read_plain(record, "gift_text")
    return types.MessageActionStarGift(
        gift=types.StarGift(
            id=gift_id,
            sticker=types.DocumentEmpty(gift_id),
            stars=_amount(record, "stars"),
            convert_stars=0,
            limited=record.flag("is_limited") or None,
        ),
        name_hidden=record.flag("is_anonymous") or None,
        message=text if text.text else None,
    )


def _giveaway_results(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    return types.MessageActionGiveawayResults(
        winners_count=record.integer("winners") or 0,
        unclaimed_count=record.integer("unclaimed") or 0,
        stars=record.flag("stars") or None,
    )


def _paid_refund(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    return types.MessageActionPaidMessagesRefunded(
        count=record.integer("messages_count") or 0, stars=_amount(record, "stars_count")
    )


def _paid_price(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    return types.MessageActionPaidMessagesPrice(
        stars=_amount(record, "price_stars"),
        broadcast_messages_allowed=record.flag("is_broadcast_messages_allowed") or None,
    )


def _suggested(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    if record.flag("rejected"):
        comment = record.text("comment")
        return types.MessageActionSuggestedPostApproval(rejected=True, reject_comment=comment)
    seconds = record.seconds("scheduled_date")
    return types.MessageActionSuggestedPostApproval(
        schedule_date=datetime.fromtimestamp(seconds, UTC) if seconds else None,
        price=_post_price(record),
    )


def _suggested_success(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    return types.MessageActionSuggestedPostSuccess(_post_price(record))


def _suggested_refund(record: Record, _place: Place, _people: People) -> types.TypeMessageAction:
    is_by_user = record.flag("user_initiated")
    return types.MessageActionSuggestedPostRefund(payer_initiated=is_by_user or None)


def _amount(record: Record, key: str) -> int:
    return record.integer(key, low=-LONG_MAX, high=LONG_MAX) or 0


def _period(record: Record) -> dict[str, object] | None:
    """Return the length of a gift, in days as layers from 216 on have it, or before in months.

    A month has no one length in days, so that one is never turned into the other.
    """
    days, months = record.integer("days"), record.integer("months")
    if days is not None:
        return {"days": days}
    return None if months is None else {"months": months}


def _price(record: Record) -> None:
    """Count a price that is written as formatted text."""
    record.ignore("cost")
    if "cost" in record:
        record.miss("price of a gift", "cost")


def _whole_and_nanos(record: Record, key: str) -> tuple[int, int]:
    whole = _amount(record, f"{key}_whole")
    return whole, record.integer(f"{key}_nano", low=-_NANOS, high=_NANOS) or 0


def _post_price(record: Record) -> types.TypeStarsAmount:
    whole, nanos = _whole_and_nanos(record, "price_amount")
    if record.text("price_currency") == "TON":
        return types.StarsTonAmount(max(-LONG_MAX, min(whole * _NANOS + nanos, LONG_MAX)))
    return types.StarsAmount(whole, nanos)


PAYMENTS: dict[str, Callable[[Record, Place, People], types.TypeMessageAction | None]] = {
    "send_payment": _payment,
    "refunded_payment": _refund,
    "send_premium_gift": _premium,
    "gift_code_prize": _gift_code,
    "send_stars_gift": _gift_stars,
    "send_ton_gift": _gift_ton,
    "stars_prize": _prize,
    "send_star_gift": _star_gift,
    "giveaway_launch": lambda *_: types.MessageActionGiveawayLaunch(),
    "giveaway_results": _giveaway_results,
    "paid_messages_refund": _paid_refund,
    "paid_messages_price_change": _paid_price,
    "process_suggested_post": _suggested,
    "suggested_post_success": _suggested_success,
    "suggested_post_refund": _suggested_refund,
}
"""Name of an action in the export -> what reads it."""
