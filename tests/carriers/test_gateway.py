"""Errors of gateways: the carrier's words are kept, and nothing else is taken for an error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.adapters.la_poste import CARRIER
from carriers.contract import Fault
from carriers.errors import BadPayload
from carriers.gateway import gateway_errors, read_answer


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (
            {"error": "invalid_client", "error_description": "Client is unknown."},
            "invalid_client",
            "Client is unknown.",
        ),
        ({"error": "Too many requests"}, "", "Too many requests"),
        (
            {"fault": {"faultstring": "Token expired", "detail": {"errorcode": "oauth.v2.Expired"}}},
            *("oauth.v2.Expired", "Token expired"),
        ),
        ({"message": "Forbidden"}, "", "Forbidden"),
        ({"detail": "Not found."}, "", "Not found."),
        ({"Message": "Authorization has been denied."}, "", "Authorization has been denied."),
        ({"code": "TOO_MANY_REQUESTS", "message": "slower"}, "TOO_MANY_REQUESTS", "slower"),
        ({"statusCode": 401, "message": "Access denied"}, "401", "Access denied"),
        ({"status": 503, "error": "Service Unavailable", "path": "/track"}, "503", "Service Unavailable"),
        (
            {"httpCode": "429", "httpMessage": "Too Many Requests", "moreInformation": "Rate limit"},
            "429",
            "Too Many Requests",
        ),
        ({"title": "Unauthorized", "status": 401, "detail": "No key was sent."}, "401", "No key was sent."),
        ({"reasons": [{"msg": "Invalid Credentials"}], "details": {"msgId": "Id-1"}}, "", "Invalid Credentials"),
        ({"response": {"errors": [{"code": "10429", "message": "Too Many Requests"}]}}, "10429", "Too Many Requests"),
        ({"error": {"code": "AUTH", "message": "Wrong key"}}, "AUTH", "Wrong key"),
    ],
)
def test_the_words_of_a_gateway_are_kept(body: dict[str, Any], code: str, words: str) -> None:
    assert gateway_errors(body) == (Fault(None, code, words),)


def test_every_error_of_a_list_is_told() -> None:
    body = {"errors": [{"code": "1", "message": "one"}, {"errorCode": "2", "errorMessage": "two"}, "three"]}
    assert gateway_errors(body) == (Fault(None, "1", "one"), Fault(None, "2", "two"), Fault(None, "", "three"))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"error": None},
        {"error": "", "errors": []},
        {"code": 0, "message": "success"},
        {"code": 200, "message": "OK"},
        {"status": "SUCCESS", "message": "done"},
        {"status": "cancelled", "message": "The shipment was cancelled."},
        {"message": "Forbidden", "trackingNumber": "1"},
        {"title": "A book", "type": "book"},
    ],
)
def test_what_is_no_error_stays_unread(body: dict[str, Any]) -> None:
    assert gateway_errors(body) == ()


def test_the_http_status_tells_an_error_that_does_not_say_so() -> None:
    body = {"code": 17, "message": "no such key"}
    assert gateway_errors(body) == ()
    assert gateway_errors(body, status=401) == (Fault(None, "17", "no such key"),)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "code", "message"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["error", "errors", "fault", "response", "detail", "code", "message"]), ANY))
def test_whatever_the_values_are_nothing_is_raised(body: dict[str, Any]) -> None:
    assert all(isinstance(fault.text, str) for fault in gateway_errors(body, 500))


def test_a_call_that_failed_is_read_by_the_gateways_words_where_the_adapter_knows_none() -> None:
    body = b'{"message": "no Route matched with those values"}'
    assert read_answer(CARRIER, body, 404).errors[0].text == "no Route matched with those values"
    for odd, status in ((body, 200), (b"<html>", 404), (b'{"never": "heard of"}', 404)):
        with pytest.raises(BadPayload):
            read_answer(CARRIER, odd, status)
