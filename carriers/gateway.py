"""Errors in the shapes of what stands in front of a carrier's API: its token endpoint, its gateway, its framework.

They come instead of the carrier's own error bodies whenever a call does not get as far as the carrier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from carriers.contract import Answer, Fault, Reads
from carriers.errors import BadPayload
from carriers.reading import as_object, text

# What such a body is made of. One that holds anything else is about something else.
_KEYS: Final = frozenset(
    {
        *{"error", "error_description", "error_uri", "errors", "error_code", "errorCode", "error_message"},
        *{"errorMessage", "fault", "reasons", "details", "message", "Message", "msg", "code", "status", "statusCode"},
        *{"status_code", "httpCode", "httpMessage", "moreInformation", "type", "title", "detail", "instance", "path"},
        *{"timestamp", "requestId", "request_id", "traceId", "trace", "exception", "success", "__type", "response"},
    }
)
_CODES: Final = (
    "errorcode",
    "errorCode",
    "error_code",
    "code",
    "error",
    "httpCode",
    "status",
    "statusCode",
    "status_code",
)
_WORDS: Final = (
    *("error_description", "faultstring", "message", "Message", "detail", "errorMessage", "error_message", "msg"),
    *("httpMessage", "title", "error"),
)
# A body that holds one of these is an error; one of words alone is what gateways say ("Forbidden").
_SURE: Final = frozenset({"error", "errors", "fault", "reasons", "errorCode", "error_code", "errorMessage", "httpCode"})
_WORDS_ALONE: Final = frozenset({"message", "Message", "detail"})
_FINE: Final = frozenset({"", "0", "ok", "success"})


def read_answer(carrier: Reads, body: bytes, status: int) -> Answer:
    """What an answer says to the carrier's adapter; of a call that failed, else, to whom gateways are known.

    Raises BadPayload, in the adapter's words.
    """
    try:
        return carrier.parse(body, status)
    except BadPayload:
        if status < 400:
            raise
        try:
            told = gateway_errors(as_object(body), status)
        except BadPayload:
            told = ()
        if not told:
            raise
        return Answer(errors=told)


def gateway_errors(body: Mapping[str, Any], status: int = 200) -> tuple[Fault, ...]:
    """The errors of a whole call; none where the body is no such error. `status` is the HTTP status it came with.

    Known are OAuth (RFC 6749), problem details (RFC 9457), the fault of Apigee, the bodies of API Connect, of the AWS
    gateway and of Spring, and lists of errors under their usual names.
    """
    if not body or body.keys() - _KEYS or not _is_error(body, status):
        return ()
    faults = tuple(_fault(holder) for holder in _holders(body))
    return tuple(fault for fault in faults if fault.text or fault.code)


def _is_error(body: Mapping[str, Any], status: int) -> bool:
    if status >= 400 or any(body.get(key) for key in _SURE) or body.keys() <= _WORDS_ALONE:
        return True
    if isinstance(inner := body.get("response"), dict):
        return bool(inner.get("errors"))
    told = [_plain(body.get(key)) for key in ("code", "status", "statusCode", "status_code")]
    return any(int(one) >= 400 if one.isdecimal() else _is_word(one) for one in told if one and len(one) < 80)


def _is_word(code: str) -> bool:
    """A code such as TOO_MANY_REQUESTS, which only stands beside words when something is wrong."""
    return code.casefold() not in _FINE and code.replace("_", "").replace(".", "").isupper()


def _holders(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects that hold code and words: those of a list, what is inside an envelope, else the body itself."""
    for key in ("response", "fault", "errors", "error", "reasons"):
        inside = body.get(key)
        if isinstance(inside, dict):
            yield from _holders(inside)
            return
        if isinstance(inside, list) and inside:
            yield from (one if isinstance(one, dict) else {"message": one} for one in inside)
            return
    yield body


def _fault(holder: Mapping[str, Any]) -> Fault:
    detail = holder.get("detail")
    named = {**holder, **detail} if isinstance(detail, dict) else holder
    words = _first(named, _WORDS)
    return Fault(None, _first(named, _CODES, but=words), words)


def _first(holder: Mapping[str, Any], keys: Sequence[str], but: str = "") -> str:
    return next((told for key in keys if (told := _plain(holder.get(key))) not in {"", but}), "")


def _plain(value: object) -> str:
    return text(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
