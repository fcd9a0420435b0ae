"""Any mixture of messages, failures and ends: each file ends once, and none is lost."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from telefast import (
    ConnectionLostError,
    DiskFullError,
    FileMismatchError,
    FileUnavailableError,
    TelefastError,
)
from telefast.testing import run_virtual
from tests.client.media_scene import names
from tests.storage.queue_scene import Downloader, content, post, queue

PASSING = ConnectionLostError("upload.getFile")
GONE = FileUnavailableError("document_1", "deleted")
WRONG = FileMismatchError("document_1", "bad")
DENIED = PermissionError(13, "no")
FULL = DiskFullError("x", 7)

FILES = st.integers(1, 6)
POSTS = st.lists(st.tuples(FILES, st.integers(2, 3)), max_size=12)
SCRIPTS = st.dictionaries(
    FILES, st.lists(st.sampled_from([PASSING, GONE, WRONG, DENIED, FULL]), max_size=5)
)


async def live(posts: list[Any], script: Any, leave_after: list[int], options: Any) -> None:
    """Archive again and again, sometimes leaving early, until all is there."""
    downloader = Downloader()
    downloader.script = {each: list(errors) for each, errors in script.items()}
    messages = [post(i, file=each, dc_id=dc_id) for i, (each, dc_id) in enumerate(posts)]
    files = {each for each, _ in posts}
    with tempfile.TemporaryDirectory() as folder:
        base, out = Path(folder, "q.db"), Path(folder, "out")
        for limit in [*leave_after, *[10**6] * 40]:
            told: Counter[str] = Counter()
            is_whole_run = True
            async with queue(base, downloader, **options) as here:
                try:
                    async with here.download_all(messages, out) as results:
                        async for each in results:
                            told[each.status] += 1
                            if each.status != "failed":
                                assert content(each.item.key) == each.path.read_bytes()
                            if told.total() >= limit:
                                is_whole_run = False
                                break
                except TelefastError:
                    is_whole_run = False
                if not is_whole_run:
                    continue
                assert len(messages) == told.total(), "a message without its result"
                await here.wait_all()
                stats, totals = here.stats(), await here.totals()
            assert 0 == stats.waiting == stats.running == stats.resting
            assert len(files) == sum(totals.values()), "a file that is kept twice, or not"
            assert set(totals) <= {"done", "failed"}
            if not told["failed"]:
                break
        assert len(files) == totals.get("done", 0)
        assert len(files) == (len(names(out)) if files else 0)
        assert 0 == downloader.metrics["queue_depth"]
    # A file that is there is never fetched again: beyond the failures, once each.
    spent = {
        each: len(script.get(each, [])) - len(downloader.script.get(each, [])) for each in files
    }
    for each in files:
        assert downloader.asked[each] <= spent[each] + 1


@settings(max_examples=max(settings.default.max_examples // 5, 10))
@given(
    POSTS,
    SCRIPTS,
    st.lists(st.integers(1, 8), max_size=3),
    st.fixed_dictionaries(
        {"files": st.integers(1, 4), "ahead": st.integers(1, 5), "max_tries": st.integers(1, 3)}
    ),
)
def test_each_file_ends_once(posts: Any, script: Any, leave_after: Any, options: Any) -> None:
    """Whatever fails and whenever a run is left: in the end all files are there, fetched once."""
    run_virtual(live, posts, script, leave_after, options)
