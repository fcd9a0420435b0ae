"""Who is logged in, and where: sign-in by code, and authorizations carried to other data centres.

Sources: https://core.telegram.org/api/auth, https://core.telegram.org/api/datacenter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.pages import TRUE
from telefast.testing.rpc import Call, RpcFault

if TYPE_CHECKING:
    from telefast.testing.account import Account
    from telefast.testing.keys import ServerKey

__all__ = ["AUTH_HANDLERS", "BEFORE_LOGIN", "Logins", "check_login", "login_code"]

BEFORE_LOGIN: Final[frozenset[type[TLRequest]]] = frozenset(
    {
        functions.auth.CancelCodeRequest,
        functions.auth.ImportAuthorizationRequest,
        functions.auth.ResendCodeRequest,
        functions.auth.SendCodeRequest,
        functions.auth.SignInRequest,
        functions.auth.SignUpRequest,
        functions.help.GetCdnConfigRequest,
        functions.help.GetConfigRequest,
        functions.help.GetNearestDcRequest,
        functions.upload.GetCdnFileRequest,
    }
)
"""Requests that are answered without a login; others get 401 AUTH_KEY_UNREGISTERED."""

_ON_CDN: Final = frozenset({functions.help.GetConfigRequest, functions.upload.GetCdnFileRequest})
_EVERYWHERE: Final = ("auth.", "help.", "upload.")
"""Families of methods that a data centre answers which is not the home of the account."""


CODE_LIFETIME: Final = 300.0
"""Seconds after which a code is expired. Chosen: no source tells."""
CODE_TRIES: Final = 5
"""Wrong codes after which the right one is refused, too. Chosen: no source tells."""


@dataclass
class _Code:
    """A code that was sent: to which phone, when, and how many wrong ones came instead."""

    phone: str
    sent: float
    wrong: int = 0


class Logins:
    """What a server keeps of sign-ins and exports.

    Attributes:
        exports: Bytes of an exported authorization that was not imported yet -> number of the
            account, the data centre that it is for, and the key that it was exported by.
        codes: Hash of a code that was sent -> what is known of it.
        count: Exports and codes so far.
    """

    def __init__(self) -> None:
        self.exports: dict[bytes, tuple[int, int, ServerKey]] = {}
        self.codes: dict[str, _Code] = {}
        self.count = 0

    def new_token(self, seed: int, what: str) -> bytes:
        """Return 32 bytes that were never given before."""
        self.count += 1
        return sha256(f"{seed}/{what}/{self.count}".encode()).digest()


def login_code(dc_id: int) -> str:
    """Return the code that signs in at a data centre: its number five times.

    So do Telegram's own test servers (https://core.telegram.org/api/auth#test-accounts).

    Example:
        >>> login_code(2)
        '22222'
    """
    return str(dc_id) * 5


def check_login(call: Call) -> None:
    """Refuse what a key may not ask at this data centre.

    Raises:
        RpcFault: 400 CDN_METHOD_INVALID for all but CDN files at a content delivery network, 401
            AUTH_KEY_UNREGISTERED without a login, 303 USER_MIGRATE_X away from home for all but
            files.
    """
    kind = type(call.request)
    if any(each.cdn for each in call.addresses if each.dc_id == call.dc_id):
        if kind not in _ON_CDN:
            raise RpcFault(400, "CDN_METHOD_INVALID")
        return
    if kind in BEFORE_LOGIN:
        return
    if call.key.account is None:
        raise RpcFault(401, "AUTH_KEY_UNREGISTERED")
    home = call.account.dc_id
    if home != call.dc_id and not call.method.startswith(_EVERYWHERE):
        raise RpcFault(303, f"USER_MIGRATE_{home}")


def _find(call: Call, phone: str) -> Account | None:
    """Return the account with a phone number, however that is written."""
    digits = "".join(filter(str.isdigit, phone))
    if not 7 <= len(digits) <= 15:
        raise RpcFault(400, "PHONE_NUMBER_INVALID")
    return next((each for each in call.world.accounts if each.phone == digits), None)


def _send_code(call: Call) -> bytes:
    """Answer auth.sendCode; the code is `login_code`, and any api_id is taken.

    Chosen: a number that nobody has is sent a code as well, and cannot sign in with it.

    Raises:
        RpcFault: 400 PHONE_NUMBER_INVALID, 303 PHONE_MIGRATE_X if the home of the account is
            another data centre, or 303 NETWORK_MIGRATE_X if nobody has the number and the client's
            network belongs to another one (`DataCentre.networks`).
    """
    phone: str = call.request.phone_number
    account = _find(call, phone)
    if account is not None and account.dc_id != call.dc_id:
        raise RpcFault(303, f"PHONE_MIGRATE_{account.dc_id}")
    for each in call.addresses:
        if account is None and call.origin.host in each.networks and each.dc_id != call.dc_id:
            raise RpcFault(303, f"NETWORK_MIGRATE_{each.dc_id}")
    logins = call.shared(Logins)
    code_hash = logins.new_token(call.world.seed, "code").hex()[:18]
    logins.codes[code_hash] = _Code(phone, call.now)
    return _sent(code_hash)


def _sent(code_hash: str) -> bytes:
    kind = types.auth.SentCodeTypeApp(length=5)
    return bytes(types.auth.SentCode(type=kind, phone_code_hash=code_hash, timeout=120))


def _resend_code(call: Call) -> bytes:
    """Answer auth.resendCode with the same code again, which lives anew."""
    _check_hash(call).sent = call.now
    return _sent(call.request.phone_code_hash)


def _cancel_code(call: Call) -> bytes:
    """Answer auth.cancelCode: the code is good for nothing any more."""
    _check_hash(call)
    del call.shared(Logins).codes[call.request.phone_code_hash]
    return TRUE


def _check_hash(call: Call) -> _Code:
    """Return the code of a hash; refuse one that was not given for this phone, or is used up."""
    if not call.request.phone_code_hash:
        raise RpcFault(400, "PHONE_CODE_HASH_EMPTY")
    code = call.shared(Logins).codes.get(call.request.phone_code_hash)
    if code is None or code.phone != call.request.phone_number:
        raise RpcFault(400, "PHONE_CODE_EXPIRED")
    if call.now > code.sent + CODE_LIFETIME or code.wrong >= CODE_TRIES:
        raise RpcFault(400, "PHONE_CODE_EXPIRED")
    return code


def _sign_in(call: Call) -> bytes:
    """Answer auth.signIn: the key belongs to the account from now on.

    Raises:
        RpcFault: 400 PHONE_CODE_EMPTY, PHONE_CODE_EXPIRED, PHONE_CODE_INVALID, or
            PHONE_NUMBER_UNOCCUPIED if nobody has the number (no one can sign up here).
    """
    code = _check_hash(call)
    if not call.request.phone_code:
        raise RpcFault(400, "PHONE_CODE_EMPTY")
    if call.request.phone_code != login_code(call.dc_id):
        code.wrong += 1
        raise RpcFault(400, "PHONE_CODE_INVALID")
    account = _find(call, call.request.phone_number)
    if account is None:
        raise RpcFault(400, "PHONE_NUMBER_UNOCCUPIED")
    del call.shared(Logins).codes[call.request.phone_code_hash]
    call.key.account, call.key.home = account.index, None
    return bytes(types.auth.Authorization(user=account.me))


def _log_out(call: Call) -> bytes:
    """Answer auth.logOut: the key is nobody's, nor are those that its login was carried over to.

    Chosen: to log out elsewhere than at home ends the login of that key alone.
    """
    call.key.account = None
    for keys in call.keys.values():
        for key in keys.values():
            if key.home is call.key:
                key.account = key.home = None
    return bytes(types.auth.LoggedOut())


def _export(call: Call) -> bytes:
    """Answer auth.exportAuthorization: bytes that one key at the other data centre may import once.

    Raises:
        RpcFault: 400 DC_ID_INVALID for the own data centre, a CDN, and one that is not there.
    """
    wanted = call.request.dc_id
    there = any(each.dc_id == wanted and not each.cdn for each in call.addresses)
    if wanted == call.dc_id or not there:
        raise RpcFault(400, "DC_ID_INVALID")
    logins = call.shared(Logins)
    token = logins.new_token(call.world.seed, "export")
    mine = (call.account.index, wanted)
    if call.world.assume.export_replaces:
        logins.exports = {k: v for k, v in logins.exports.items() if v[:2] != mine}
    logins.exports[token] = (*mine, call.key.home or call.key)
    return bytes(types.auth.ExportedAuthorization(id=call.account.me.id, bytes=token))


def _import(call: Call) -> bytes:
    """Answer auth.importAuthorization: the key is logged in here, too.

    Raises:
        RpcFault: 400 AUTH_BYTES_INVALID for bytes that were not exported for this data centre and
            user, were imported before, or whose login has ended since.
    """
    exports = call.shared(Logins).exports
    found = exports.get(call.request.bytes)
    if found is None or found[1] != call.dc_id:
        raise RpcFault(400, "AUTH_BYTES_INVALID")
    account = call.world.accounts[found[0]]
    if account.me.id != call.request.id or found[2].account != account.index:
        raise RpcFault(400, "AUTH_BYTES_INVALID")
    del exports[call.request.bytes]
    call.key.account, call.key.home = account.index, found[2]
    return bytes(types.auth.Authorization(user=account.me))


def _get_nearest_dc(call: Call) -> bytes:
    """Answer help.getNearestDc. Chosen: the one that was asked is the nearest."""
    return bytes(types.NearestDc(country="IS", this_dc=call.dc_id, nearest_dc=call.dc_id))


AUTH_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.auth.CancelCodeRequest: _cancel_code,
    functions.auth.ExportAuthorizationRequest: _export,
    functions.auth.ImportAuthorizationRequest: _import,
    functions.auth.LogOutRequest: _log_out,
    functions.auth.ResendCodeRequest: _resend_code,
    functions.auth.SendCodeRequest: _send_code,
    functions.auth.SignInRequest: _sign_in,
    functions.help.GetNearestDcRequest: _get_nearest_dc,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
