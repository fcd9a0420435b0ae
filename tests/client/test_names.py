"""Names are remembered beyond what Telegram still tells."""

from __future__ import annotations

from typing import Any

from telefast import BatchedHistory, SenderNames
from telefast.testing import LocalTelegram, MinUsers, World
from tests.client.test_peers import senders_of


async def test_names_outlive_their_accounts() -> None:
    """Shown in full, then as min, then deleted: each sender keeps the last full name."""
    world = World(seed=7, user_count=8)
    club = world.add_channel("Club", message_count=120, username="club")
    user_id = next(id_ for id_ in senders_of(club) if id_ != world.me.id)
    names = SenderNames()
    async with LocalTelegram(world) as telegram, telegram.client() as client:

        async def look(at: float) -> Any:
            """See the whole chat, and return the user as it shows now."""
            async with BatchedHistory(client, "club") as history:
                shown = [
                    user
                    async for batch in history.batches()
                    for page in batch.pages
                    for user in page.users
                ]
            names.see(shown, at=at)
            return next(user for user in shown if user.id == user_id)

        first = await look(1)
        telegram.add(MinUsers([user_id]))
        assert (await look(2)).min
        world.delete_account(user_id)
        assert (await look(3)).deleted
    (record,) = names.records(user_id)
    assert (record.name, record.since) == (names.name(user_id), 1)
    assert (record.name or "").startswith(first.first_name)
    assert names.is_deleted(user_id)
