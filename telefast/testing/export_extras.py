"""Rebuild the media of messages that are not files: places, contacts, polls and more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telethon.tl import types

from telefast.testing.export_fields import LONG_MAX, Record
from telefast.testing.export_json import parse_json
from telefast.testing.export_media import Place, read_files
from telefast.testing.export_text import read_plain

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["read_media"]


def read_media(record: Record, place: Place) -> types.TypeMessageMedia | None:
    """Read what a message carries besides its text; `None` if nothing."""
    files = read_files(record, place)
    if files is not None:
        return files
    for keys, reader in _READERS:
        if any(key in record for key in keys):
            record.found("other media")
            return reader(record, place)
    if record.mentions("location_information"):  # Telegram Desktop's null for an empty place
        record.found("other media")
        return types.MessageMediaGeo(_geo(record, place))
    return None


def _contact(record: Record, _place: Place) -> types.TypeMessageMedia:
    contact = record.child("contact_information")
    media = types.MessageMediaContact(
        phone_number=contact.text("phone_number") or "",
        first_name=contact.text("first_name") or "",
        last_name=contact.text("last_name") or "",
        vcard="",
        user_id=0,
    )
    contact.leftovers("a contact")
    contact.miss("user id of a contact")
    if "contact_vcard" in record:
        record.ignore("contact_vcard", "contact_vcard_file_size")
        record.miss("vCard of a contact", "contact_vcard")
    return media


def _geo(record: Record, place: Place) -> types.TypeGeoPoint:
    point = record.record("location_information")
    if point is None:
        return types.GeoPointEmpty()
    latitude, longitude = point.number("latitude"), point.number("longitude")
    point.leftovers("a location")
    if latitude is None or longitude is None:
        raise point.wrong("latitude and longitude", "two numbers", None)
    return types.GeoPoint(longitude, latitude, access_hash=place.new_id("geo"))


def _location(record: Record, place: Place) -> types.TypeMessageMedia:
    point = _geo(record, place)
    period = record.integer("live_location_period_seconds")
    if period:
        return types.MessageMediaGeoLive(point, period)
    return types.MessageMediaGeo(point)


def _venue(record: Record, place: Place) -> types.TypeMessageMedia:
    return types.MessageMediaVenue(
        geo=_geo(record, place),
        title=record.text("place_name") or "",
        address=record.text("address") or "",
        provider="",
        venue_id="",
        venue_type="",
    )


def _poll(record: Record, place: Place) -> types.TypeMessageMedia:
    poll = record.child("poll")
    answers: list[types.TypePollAnswer] = []
    results: list[types.TypePollAnswerVoters] = []
    for index, answer in enumerate(poll.records("answers")):
        option = str(index).encode()
        answers.append(types.PollAnswer(read_plain(answer, "text"), option))
        results.append(
            answer.build(
                "PollAnswerVoters",
                option=option,
                chosen=answer.flag("chosen") or None,
                voters=answer.integer("voters") or 0,
                recent_voters=[],
            )
        )
        answer.leftovers("a poll's answer")
    media = types.MessageMediaPoll(
        record.build(
            "Poll",
            id=place.new_id("poll"),
            question=read_plain(poll, "question"),
            answers=answers,
            hash=0,
            closed=poll.flag("closed") or None,
        ),
        types.PollResults(results=results, total_voters=poll.integer("total_voters") or 0),
    )
    poll.leftovers("a poll")
    return media


def _todo(record: Record, _place: Place) -> types.TypeMessageMedia:
    todo = record.child("todo_list")
    items = [
        types.TodoItem(item.integer("id") or 0, read_plain(item, "text"))
        for item in todo.records("answers")
    ]
    media = types.MessageMediaToDo(
        types.TodoList(
            title=read_plain(todo, "title"),
            list=items,
            others_can_append=todo.flag("others_can_append") or None,
            others_can_complete=todo.flag("others_can_complete") or None,
        )
    )
    todo.leftovers("a to-do list")
    return media


def _invoice(record: Record, _place: Place) -> types.TypeMessageMedia:
    value = record.take("invoice_information")
    if isinstance(value, str):  # Telegram Desktop writes the object once more as a text.
        text = record.checked_text("invoice_information", value)
        value = parse_json(text, record.place("invoice_information"))
    invoice = record.nested("invoice_information", value)
    media = types.MessageMediaInvoice(
        title=invoice.text("title") or "",
        description=invoice.text("description") or "",
        currency=invoice.text("currency") or "",
        total_amount=invoice.integer("amount", low=-LONG_MAX, high=LONG_MAX) or 0,
        start_param="",
        receipt_msg_id=invoice.integer("receipt_message_id") or None,
    )
    invoice.leftovers("an invoice")
    return media


def _game(record: Record, place: Place) -> types.TypeMessageMedia:
    link = record.text("game_link") or ""
    record.miss("picture of a game", "game_title")
    game_id = place.new_id("game")
    return types.MessageMediaGame(
        types.Game(
            id=game_id,
            access_hash=place.new_id("game hash"),
            short_name=link.rpartition("?game=")[2] if "?game=" in link else "",
            title=record.text("game_title") or "",
            description=record.text("game_description") or "",
            photo=types.PhotoEmpty(game_id),
        )
    )


def _giveaway(record: Record, _place: Place) -> types.TypeMessageMedia:
    data = record.child("giveaway_information")
    channels = [
        data.checked_integer("channels", item, low=1, high=LONG_MAX)
        for item in data.items("channels")
    ]
    countries = [data.checked_text("countries", item) for item in data.items("countries")]
    media = types.MessageMediaGiveaway(
        channels=channels,
        quantity=data.integer("quantity") or 0,
        until_date=data.local_date("until_date"),
        only_new_subscribers=data.flag("is_only_new_subscribers") or None,
        countries_iso2=countries or None,
        prize_description=data.text("additional_prize") or None,
        months=data.integer("months") or None,
        stars=data.integer("stars", high=LONG_MAX) or None,
    )
    data.leftovers("a giveaway")
    return media


def _giveaway_results(record: Record, _place: Place) -> types.TypeMessageMedia:
    data = record.child("giveaway_results")
    winners = [
        data.checked_integer("winners", item, low=1, high=LONG_MAX)
        for item in data.items("winners")
    ]
    media = types.MessageMediaGiveawayResults(
        channel_id=data.integer("channel", high=LONG_MAX) or 0,
        launch_msg_id=data.integer("launch_message_id") or 0,
        winners_count=data.integer("winners_count") or 0,
        unclaimed_count=data.integer("unclaimed_count") or 0,
        winners=winners,
        until_date=data.local_date("until_date"),
        only_new_subscribers=data.flag("is_only_new_subscribers") or None,
        refunded=data.flag("is_refunded") or None,
        additional_peers_count=data.integer("additional_peers_count") or None,
        months=data.integer("months") or None,
        stars=data.integer("stars", high=LONG_MAX) or None,
        prize_description=data.text("additional_prize") or None,
    )
    data.leftovers("a giveaway's results")
    return media


def _paid(record: Record, _place: Place) -> types.TypeMessageMedia:
    stars = record.integer("paid_stars_amount", high=LONG_MAX) or 0
    record.miss("content of paid media", "paid_stars_amount")
    return types.MessageMediaPaidMedia(stars, [])


_READERS: tuple[tuple[tuple[str, ...], Callable[[Record, Place], types.TypeMessageMedia]], ...] = (
    (("contact_information",), _contact),
    (("place_name", "address"), _venue),
    (("location_information", "live_location_period_seconds"), _location),
    (("poll",), _poll),
    (("todo_list",), _todo),
    (("invoice_information",), _invoice),
    (("game_title", "game_description", "game_link"), _game),
    (("giveaway_information",), _giveaway),
    (("giveaway_results",), _giveaway_results),
    (("paid_stars_amount",), _paid),
)
