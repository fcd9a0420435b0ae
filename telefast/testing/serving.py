"""The half of a connection that answers: service messages, API requests, and what rules say."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from telefast.testing import service
from telefast.testing.client_faults import ClientFault
from telefast.testing.dispatcher import Answer, rpc_result
from telefast.testing.rpc import Origin, RpcFault
from telefast.testing.sending import Sending
from telefast.testing.session import BadMessageError, Message, Session
from telefast.testing.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telefast.testing.faults import Rule
    from telefast.testing.rpc import Call
    from telefast.testing.sending import Owner

__all__ = ["Serving"]

logger = logging.getLogger("telefast.testing")

_OF_TIME: Final = (16, 17)
"""What is wrong with a message whose id is too old or too new."""


class Serving(Sending):
    """What a connection does with the messages of a client; `connection.Connection` reads them.

    Args:
        owner: The server that accepted the connection.
    """

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner)
        self._tasks = Tasks()
        self._held: dict[int, asyncio.Task[None]] = {}
        self._held_bytes = 0
        self._host = ""
        self._close_handle: asyncio.Handle | None = None

    # What service messages ask for (`service.Desk`).

    def is_known(self, msg_id: int) -> bool:
        """Return whether an API request with this id is not answered yet."""
        return msg_id in self._unanswered

    def drop_answer(self, msg_id: int) -> str:
        """Drop the answer to a request; return `unknown`, `running` or `dropped`."""
        call = self._unanswered.pop(msg_id, None)
        if call is None:
            return "unknown"
        self._ledger.on_lost(call.method)
        task = self._held.pop(msg_id, None)
        if task is not None:
            task.cancel()
            return "running"
        return "dropped" if self._outbox.drop(msg_id) else "running"

    def forget_session(self, session_id: int) -> bool:
        """End a session of this connection; return whether it existed."""
        return self._sessions.pop(session_id, None) is not None

    def close_after(self, delay: float) -> None:
        """Close the connection after *delay* seconds, unless told again."""
        if self._close_handle is not None:
            self._close_handle.cancel()
        self._close_handle = self._loop.call_later(delay, self.abort)

    # In.

    def _on_message(self, session: Session, message: Message) -> None:
        """Handle one message: service or API."""
        constructor = int.from_bytes(message.body[:4], "little")
        name = service.NAMES.get(constructor)
        if name is None:
            if not message.seqno & 1:
                self._refuse_message(session, message, 35)
            elif session.is_new(message.msg_id):
                self._on_request(session, message)
            return
        self._ledger.service[name] += 1
        try:
            answer = service.answer(constructor, message, self)
        except ValueError:
            logger.warning("malformed service message name=%s", name)
            self._blame(f"malformed {name}")
            return
        delay = 0.0
        for rule in self._rules.service:
            late = rule.service(self, name)
            if late is None:
                answer = None
            else:
                delay += late
        if answer is not None:
            self._send(session, answer, is_content=False, delay=delay)

    def _on_request(self, session: Session, message: Message) -> None:
        """Answer an API request, now or when its rules let go of it."""
        dispatcher = self._owner.dispatcher
        try:
            unwrapped = dispatcher.read(message.body, session.key)
        except RpcFault as fault:
            self._blame(fault.message)
            refusal = dispatcher.refuse(fault)
            self._send(session, rpc_result(message.msg_id, refusal.body))
            return
        due = self._ready_at()
        call = dispatcher.call(unwrapped, self._origin(session))
        session.wants_updates = unwrapped.wants_updates
        self._unanswered[message.msg_id] = call
        if not self._rules:
            self._reply(session, message.msg_id, dispatcher.answer(call), due)
            return
        try:
            self._ask_arrived(call)
            if self._is_ending:
                return
            answer = dispatcher.answer(call)
            for rule in self._rules.answered:
                body = rule.answered(self, call, answer.body)
                answer = Answer(body, answer.error)
            holding = [rule for rule in self._rules.reply if rule.holds(call)]
        except BadMessageError as error:
            self._unanswered.pop(message.msg_id)
            session.forget(message.msg_id)
            self._ledger.on_lost(call.method)
            self._send_refusal(session, message, error.code)
            return
        except Exception as error:  # noqa: BLE001 - kept, logged, and raised on leaving
            answer, holding = dispatcher.fail(call.method, error), []
        if holding:
            self._hold(session, message.msg_id, call, answer, due, holding)
        else:
            self._reply(session, message.msg_id, answer, due)

    def _send_refusal(self, session: Session, message: Message, code: int) -> None:
        """Say what is wrong with a message that was not carried out."""
        body = (
            service.bad_salt(message, self.salt)
            if code == 48
            else service.bad_message(message, code)
        )
        self._send(session, body, is_content=False)

    def _origin(self, session: Session) -> Origin:
        """Return where a request of a session comes from."""
        return Origin(self._owner.dc_id, self.number, session.key, self._host)

    def _ask_arrived(self, call: Call) -> None:
        """Show a request that arrived to all rules, also if one of them refuses it.

        Raises:
            BadMessageError: The first that a rule raised.
        """
        refusal: BadMessageError | None = None
        for rule in self._rules.arrived:
            try:
                rule.arrived(self, call)
            except BadMessageError as error:
                refusal = refusal or error
        if refusal is not None:
            raise refusal

    def _refuse_message(self, session: Session, message: Message, code: int) -> None:
        """Say what is wrong with a message of which nothing was read, and that the client did it.

        Where a rule skews the clock, its time is not the client's fault.
        """
        if code not in _OF_TIME or not self._rules.clock:
            self._blame(f"bad_msg_notification {code}")
        self._send(session, service.bad_message(message, code), is_content=False)

    def _blame(self, error: str) -> None:
        """Write down what a client did wrong with something that is no request."""
        self._ledger.on_client_fault(ClientFault("", error, self.now, self.number, self.dc_id))

    def _hold(
        self,
        session: Session,
        msg_id: int,
        call: Call,
        answer: Answer,
        due: float,
        rules: Sequence[Rule],
    ) -> None:
        """Let the rules hold an answer back; the connection goes on meanwhile."""
        size = len(answer.body)

        def let_go(_: asyncio.Task[None]) -> None:
            self._held_bytes -= size
            self._held.pop(msg_id, None)
            self._on_room()

        self._held_bytes += size
        task = self._tasks.start(self._ask_rules(session, msg_id, call, answer, due, rules))
        self._held[msg_id] = task
        task.add_done_callback(let_go)

    async def _ask_rules(
        self,
        session: Session,
        msg_id: int,
        call: Call,
        answer: Answer,
        due: float,
        rules: Sequence[Rule],
    ) -> None:
        """Reply when all rules agree, or never."""
        try:
            for rule in rules:
                if not await rule.reply(call):
                    return
        except Exception as error:  # noqa: BLE001 - kept, logged, and raised on leaving
            answer = self._owner.dispatcher.fail(call.method, error)
        self._reply(session, msg_id, answer, max(due, self._loop.time()))
