"""What the return pages show: the steps of asking, with every answer carried along, and the case that follows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from gettext import NullTranslations
from typing import Any

import segno

from portal.keys import new_token
from portal.returning.rows import swap_name
from portal.returning.start import MAX_COMMENT, Offer, OfferLine, Quote, Wanted, WantedItem
from portal.speech import words
from portal.speech.dates import day, money
from portal.tables import Brand, Order, OrderLine, Product, ReturnCase, ReturnItem
from portal.web.view_frame import picture
from portal.web.view_order import NOT_UNDER_WAY, carrier_name, carrier_of, zone_of
from returns.machine import Method
from returns.reasons import REASONS, is_faulty

STEPS = 3
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_REASON_GROUPS = (
    ("Not right for me", ("too_small", "too_large", "wrong_colour_style", "no_longer_wanted", "ordered_by_mistake")),
    ("Something is wrong", ("damaged_in_transit", "defective", "missing_parts", "wrong_item_sent", "not_as_described")),
    ("Other", ("arrived_late", "hard_to_use", "better_offer", "gift", "other")),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered for one line. Quantity 0: what was sent is no number."""

    quantity: int = 1
    reason: str = ""
    comment: str = ""
    swap: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """Every answer so far. It travels in the form itself and is judged anew at each step: changing it gains nothing."""

    answers: Mapping[str, Answer]  # by the line's public id, in the order's order
    resolution: str = ""
    request_key: str = ""
    shown: str = ""  # the mark of the quote that the last step showed

    @classmethod
    def read(cls, body: Mapping[str, Any], offer: Offer) -> Draft:
        """The answers to lines of this order. Everything else in the body is not looked at."""
        chosen = body.get("item", [])
        chosen = {chosen} if isinstance(chosen, str) else set(chosen)
        answers = {
            line.line.public_id: Answer(
                _whole(_text(body, f"quantity-{line.line.public_id}") or "1"),
                _text(body, f"reason-{line.line.public_id}"),
                _text(body, f"comment-{line.line.public_id}")[:MAX_COMMENT],
                _text(body, f"swap-{line.line.public_id}"),
            )
            for line in offer.lines
            if line.line.public_id in chosen
        }
        key = _text(body, "request_key")
        key = key if _KEY.fullmatch(key) else new_token()
        return cls(answers, _text(body, "resolution"), key, _text(body, "shown"))

    def fields(self, *, without: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
        """The hidden fields that carry the answers; `without` names what the page asks for itself."""
        yield "request_key", self.request_key
        if "resolution" not in without:
            yield "resolution", self.resolution
        for line, answer in self.answers.items():
            yield "item", line
            yield f"quantity-{line}", str(answer.quantity)
            yield f"reason-{line}", answer.reason
            yield f"comment-{line}", answer.comment
            if "swap" not in without:
                yield f"swap-{line}", answer.swap

    def wanted(self, resolution: str = "") -> Wanted:
        """As portal.returning asks for it."""
        how = resolution or self.resolution
        items = tuple(
            WantedItem(line, a.quantity, a.reason, a.comment, a.swap if how == "exchange_variant" else "")
            for line, a in self.answers.items()
        )
        return Wanted(items, how)

    def faults(self, offer: Offer) -> dict[str, str]:
        """What is missing in the first step, by field name."""
        if not self.answers:
            return {"item": "none"}
        left = {line.line.public_id: line.left for line in offer.lines}
        wrong = {f"reason-{k}": "missing" for k, a in self.answers.items() if a.reason not in REASONS}
        return wrong | {f"quantity-{k}": "wrong" for k, a in self.answers.items() if not 1 <= a.quantity <= left[k]}


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


@dataclass(frozen=True, slots=True)
class Telling:
    """For whom the words are: the brand's language, and today where the brand is."""

    brand: Brand
    today: date
    speech: NullTranslations = words.ENGLISH

    def say(self, sentence: str) -> str:
        """A sentence of ours in the page's language."""
        return self.speech.gettext(sentence) if sentence else ""

    def day(self, value: date | None) -> str:
        """As people write it; empty for no date."""
        if value is None:
            return ""
        return self.say("Today") if value == self.today else day(value, self.brand.locale, self.today)

    def day_in_text(self, value: date | None) -> str:
        """As `day`, inside a sentence."""
        return self.say("today") if value == self.today else self.day(value)

    def money(self, minor: int, currency: str) -> str:
        """As people write it."""
        return money(minor, currency, self.brand.locale)

    def opinion(self, opinion: Mapping[str, Any], currency: str = "") -> str:
        """One rule's opinion as a sentence; empty for a code without words."""
        facts = {name: self._fact(name, value, currency) for name, value in opinion.get("facts", {}).items()}
        return words.fill(self.say(words.OPINION.get(opinion["code"], "")), facts)

    def _fact(self, name: str, value: Any, currency: str) -> str:
        if name.endswith("_minor") and isinstance(value, int) and currency:
            return self.money(value, currency)
        if name.endswith("_day") and isinstance(value, str):
            try:
                return self.day_in_text(date.fromisoformat(value))
            except ValueError:
                return value
        return str(value)


def telling(brand: Brand, now: datetime) -> Telling:
    """For this brand, at this moment."""
    return Telling(brand, now.astimezone(zone_of(brand.zone)).date())


def is_too_early(offer: Offer) -> bool:
    """Nothing has arrived or left us yet, as far as is known."""
    deciding = [{o["code"] for o in line.opinions if o["verdict"] == line.verdict} for line in offer.lines if line.left]
    return bool(deciding) and all("window_not_started" in codes for codes in deciding)


def items_step(told: Telling, order: Order, offer: Offer, draft: Draft, faults: Mapping[str, str]) -> dict[str, Any]:
    """`step, of, lines, faults, until, longer, first, hidden, currency`: step 1.

    `until` is the first day on which something closes, `longer` says that the rest closes later, `first` is the first
    line that can be chosen; empty when none can.
    """
    lines = [_offered(told, order, line, draft, faults) for line in offer.lines]
    return {
        "step": 1,
        "of": STEPS,
        "lines": lines,
        "faults": faults,
        "until": _until(told, offer),
        "longer": len(_last_days(offer)) > 1,
        "first": next((entry["id"] for entry in lines if entry["can"]), ""),
        "hidden": [("request_key", draft.request_key), ("resolution", draft.resolution)],
        "currency": order.currency,
    }


def _until(told: Telling, offer: Offer) -> str:
    """The first day on which something can no longer be sent back: what came earlier closes earlier."""
    days = _last_days(offer)
    try:
        return told.day_in_text(date.fromisoformat(min(days))) if days else ""
    except ValueError:
        return ""


def _last_days(offer: Offer) -> set[str]:
    return {
        o["facts"].get("last_day", "")
        for line in offer.lines
        for o in line.opinions
        if line.left and o["code"] == "in_window"
    }


def _offered(told: Telling, order: Order, line: OfferLine, draft: Draft, faults: Mapping[str, str]) -> dict[str, Any]:
    key = line.line.public_id
    answer = draft.answers.get(key)
    against = [o for o in line.opinions if o["verdict"] == "deny"] if line.verdict == "deny" else []
    faulty_only = bool(against) and line.left > 0 and line.verdict_if_faulty != "deny"
    drawing, address = picture(line.line.picture)
    return {
        "id": key,
        "title": line.line.title,
        "variant": line.line.variant,
        "drawing": drawing,
        "address": address,
        "can": line.left > 0 and (not against or faulty_only),
        "faulty_only": faulty_only,
        "why_not": " ".join(filter(None, (told.opinion(o, order.currency) for o in against))),
        "left": line.left,
        "sold": line.line.quantity,
        "worth": told.money(line.unit_refund_minor, order.currency),
        "cents": line.unit_refund_minor,
        "reasons": _reasons(told, answer.reason if answer else "", faulty_only=faulty_only),
        "chosen": answer is not None,
        "quantity": answer.quantity if answer else 1,
        "comment": answer.comment if answer else "",
        "reason_fault": f"reason-{key}" in faults,
        "quantity_fault": f"quantity-{key}" in faults,
    }


def _reasons(told: Telling, chosen: str, *, faulty_only: bool) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """(group, [(code, words, is chosen)])."""
    groups = [
        (
            told.say(group),
            [
                (code, told.say(words.REASON[code]), code == chosen)
                for code in codes
                if not faulty_only or is_faulty(code)
            ],
        )
        for group, codes in _REASON_GROUPS
    ]
    return [(group, codes) for group, codes in groups if codes]


def denied(told: Telling, order: Order, quote: Quote) -> list[tuple[str, str, str]]:
    """(line, title, sentence) of every item that may not come back; empty when all may, or a person decides."""
    return [
        (entry["line"], entry["title"], told.opinion(opinion, order.currency))
        for entry in quote.opinions
        if entry["verdict"] == "deny"
        for opinion in entry["opinions"]
        if opinion["verdict"] == "deny"
    ]


def possible_swaps(offer: Offer, draft: Draft) -> bool:
    """Whether everything chosen can be had as another variant."""
    return not _without_swap(offer, draft)


def _without_swap(offer: Offer, draft: Draft) -> list[str]:
    """The titles of what was chosen and has no other variant to be had."""
    return [
        line.line.title
        for line in offer.lines
        if line.line.public_id in draft.answers
        and not any(_can_swap(line.line, p, draft.answers[line.line.public_id].quantity) for p in line.swaps)
    ]


def _can_swap(line: OrderLine, product: Product, quantity: int) -> bool:
    return product.sku != line.sku and (product.stock is None or product.stock >= quantity)


def resolution_step(told: Telling, order: Order, offer: Offer, draft: Draft, quote: Quote) -> dict[str, Any]:
    """`step, of, items, swaps, aim, no_swap, money_back, paid_with, ledger, resolution, hidden`: step 2.

    `quote` is for a refund; `aim` is where the next answer is missing.
    """
    chosen = [line for line in offer.lines if line.line.public_id in draft.answers]
    can_swap, alone = possible_swaps(offer, draft), _without_swap(offer, draft)
    swaps = [_swap_choice(told, order, line, draft) for line in chosen] if can_swap else []
    return {
        "step": 2,
        "of": STEPS,
        "items": [_chosen(told, line.line, draft) for line in chosen],
        "swaps": swaps,
        "aim": next((f"swap-{swap['id']}" for swap in swaps if swap["is_open"]), "resolution"),
        # What keeps the rest from being exchanged; where nothing could be, an exchange was never in question.
        "no_swap": ", ".join(alone) if len(alone) < len(chosen) else "",
        "money_back": told.money(quote.total_minor, order.currency),
        "paid_with": order.payment_hint,
        "ledger": ledger(told, quote.lines, quote.total_minor, 0, "refund_original", order.currency),
        "resolution": draft.resolution if draft.resolution in words.RESOLUTION else "refund_original",
        "hidden": list(draft.fields(without=("resolution", "swap"))),
    }


def _chosen(told: Telling, line: OrderLine, draft: Draft) -> dict[str, Any]:
    answer = draft.answers[line.public_id]
    return _item(told, line, answer.quantity, answer.reason) | {"comment": answer.comment}


def _item(told: Telling, line: OrderLine, quantity: int, reason: str) -> dict[str, Any]:
    drawing, address = picture(line.picture)
    return {
        "title": line.title,
        "variant": line.variant,
        "quantity": quantity,
        "reason": told.say(words.REASON.get(reason, "")),
        "drawing": drawing,
        "address": address,
    }


def _swap_choice(told: Telling, order: Order, line: OfferLine, draft: Draft) -> dict[str, Any]:
    answer = draft.answers[line.line.public_id]
    possible = [product.sku for product in line.swaps if _can_swap(line.line, product, answer.quantity)]
    return {
        "id": line.line.public_id,
        "title": line.line.title,
        "is_open": answer.swap not in possible,
        "variants": [
            {
                "sku": product.sku,
                "name": product.variant or product.title,
                "note": _swap_note(told, order, line.line, product, answer.quantity),
                "off": product.sku not in possible,
                "first": product.sku == possible[0],
                "chosen": product.sku == answer.swap,
            }
            for product in line.swaps
        ],
    }


def _swap_note(told: Telling, order: Order, line: OrderLine, product: Product, quantity: int) -> str:
    if product.sku == line.sku:
        return told.say("you have this")
    if not _can_swap(line, product, quantity):
        return told.say("sold out")
    difference = (product.price_minor - line.unit_price_minor) * quantity
    if difference > 0:
        return told.say("%s more") % told.money(difference, order.currency)
    return told.say("%s back") % told.money(-difference, order.currency) if difference < 0 else told.say("same price")


def review_step(told: Telling, order: Order, offer: Offer, draft: Draft, quote: Quote) -> dict[str, Any]:
    """`step, of, items, resolution, instead, ledger, sum, pays, gets, by, asks_person, doubts, paid_with, hidden`.

    Step 3, with every amount; `doubts` are the sentences for which a person looks.
    """
    chosen = [line for line in offer.lines if line.line.public_id in draft.answers]
    names = {p.sku: p.variant or p.title for line in chosen for p in line.swaps}
    asks = quote.verdict == "review"
    doubts = [
        told.opinion(opinion, order.currency)
        for entry in quote.opinions
        for opinion in entry["opinions"]
        if asks and opinion["verdict"] == "review"
    ]
    lines = quote.lines
    return {
        "step": 3,
        "of": STEPS,
        "items": [
            {**_chosen(told, line.line, draft), "swap": names.get(draft.answers[line.line.public_id].swap, "")}
            for line in chosen
        ],
        "resolution": draft.resolution,
        "instead": told.say(words.RESOLUTION[draft.resolution]),
        "ledger": ledger(
            told, lines, quote.total_minor, quote.exchange_difference_minor, draft.resolution, order.currency
        ),
        "sum": told.money(quote.exchange_difference_minor or quote.total_minor, order.currency),
        "pays": quote.exchange_difference_minor > 0,
        "gets": quote.total_minor > 0,
        "by": told.day_in_text(quote.deadline),
        "asks_person": asks,
        "doubts": list(dict.fromkeys(filter(None, doubts))),
        "paid_with": order.payment_hint,
        "hidden": [*draft.fields(), ("shown", quote.mark)],
    }


_TOTALS = {
    "refund_original": "You get back",
    "store_credit": "You get as store credit",
    "exchange_variant": "You get back",
}


def ledger(
    told: Telling,
    lines: Sequence[Mapping[str, Any]],
    total_minor: int,
    pays_minor: int,
    resolution: str,
    currency: str,
    given_minor: int = 0,
) -> list[tuple[str, str, str, bool]]:
    """(term, amount, note, is the total) of a plan's lines, and of what was given in the end. Lines add up."""
    rows = []
    for line in lines:
        facts = line.get("facts") or {}
        term = words.fill(told.say(words.LEDGER.get(line["code"], "Other")), {"title": "", "quantity": 1, **facts})
        note = ""
        if line["code"] in {"discount_share", "tax_share"}:
            note = str(facts.get("title", ""))
        # Dearer goods are something to pay: their lines then add up to the payment, not to money back.
        amount = -line["amount_minor"] if pays_minor else line["amount_minor"]
        rows.append((term, told.money(amount, currency), note, False))
    rows.append((told.say("Return delivery"), told.money(0, currency), told.say("The label is free"), False))
    if pays_minor:
        return [*rows, (told.say("You pay"), told.money(pays_minor, currency), told.say("We contact you first"), True)]
    if given_minor and given_minor != total_minor:
        rows.append((told.say("Settled by a person"), told.money(given_minor - total_minor, currency), "", False))
    total = "You got back" if given_minor else _TOTALS.get(resolution, "You get back")
    if resolution == "exchange_variant" and not (total_minor or given_minor):
        total = "Nothing to pay"
    return [*rows, (told.say(total), told.money(given_minor or total_minor, currency), "", True)]


# --- the case -----------------------------------------------------------------------------------------------------

CANCELLABLE = frozenset({"requested", "info_needed", "approved", "label_issued"})
_SENT = frozenset({"in_transit", "partially_received", "received", "inspecting", "resolving", "completed", "lost"})
_HERE = frozenset({"received", "inspecting", "resolving", "completed"})
_ENDED = frozenset({"rejected", "cancelled", "expired"})


@dataclass(frozen=True, slots=True)
class LabelState:
    """What the page needs of a label without its bytes. `pdf_bytes` 0: not drawn yet."""

    state: str
    pdf_bytes: int
    has_code: bool = False
    code_text: str = ""
    has_customs: bool = False


def case_view(
    told: Telling,
    order: Order,
    case: ReturnCase,
    items: Sequence[tuple[ReturnItem, OrderLine]],
    label: LabelState | None,
    parcel: Any,
    given_minor: int = 0,
) -> dict[str, Any]:
    """Everything about one return: see templates/pages/return_case.html. `parcel` is its shipment, or None.

    `given_minor` is what was really paid back or credited, which a person may have made less than the plan says.
    """
    shown = words.RETURN_STATUS.get(case.status, words.RETURN_STATUS["requested"])
    waits = case.status in {"approved", "label_issued"}
    return {
        "rma": case.rma,
        "number": order.number,
        "status": case.status,
        "heading": _heading(told, case, given_minor),
        "chip": told.say(shown.chip),
        "tone": shown.tone,
        "icon": shown.icon,
        "meaning": case.reject_reason if case.status == "rejected" and case.reject_reason else told.say(shown.meaning),
        "ended": case.status in _ENDED,
        "items": [_case_item(told, case, item, line) for item, line in items],
        "label": _label(case, label) if waits else "",
        "label_kb": -(-label.pdf_bytes // 1024) if label else 0,
        "label_href": f"/orders/{order.public_id}/returns/{case.public_id}/label.pdf",
        "counter": _counter(order, case, label) if waits and label else None,
        "customs_href": (
            f"/orders/{order.public_id}/returns/{case.public_id}/customs.pdf" if label and label.has_customs else ""
        ),
        "cancel_href": f"/orders/{order.public_id}/returns/{case.public_id}/cancel",
        "here": f"/orders/{order.public_id}/returns/{case.public_id}",
        "order_href": f"/orders/{order.public_id}",
        "by": told.day_in_text(case.deadline) if waits else "",
        "is_exchange": case.resolution == "exchange_variant",
        "code": qr_path(case.rma) if waits else None,
        "send_to": _send_to(told.brand) if waits and case.method == Method.OWN else [],
        "steps": _steps(told, case),
        "ledger": ledger(
            told,
            case.plan.get("lines", []),
            case.refund_minor,
            int(case.plan.get("pays_minor", 0)),
            case.resolution,
            case.currency,
            given_minor,
        ),
        "given": given_minor > 0,
        "pays": int(case.plan.get("pays_minor", 0)) > 0,
        "even": case.resolution == "exchange_variant" and not (case.refund_minor or case.plan.get("pays_minor")),
        "credit_code": case.credit_code,
        "can_cancel": case.status in CANCELLABLE,
        # A label that was given back with its return is no parcel that waits.
        "parcel": _parcel(told, parcel)
        if parcel is not None and not (case.status in _ENDED and parcel.status in NOT_UNDER_WAY)
        else None,
    }


_HEADINGS = {
    "requested": "Request received",
    "info_needed": "We have a question",
    "approved": "Return confirmed",
    "label_issued": "Return confirmed",
    "in_transit": "On its way to us",
    "partially_received": "Partly received",
    "completed": "All done",
    "rejected": "Return declined",
    "cancelled": "Return cancelled",
    "expired": "Return closed",
    "lost": "Lost on the way",
}


def _heading(told: Telling, case: ReturnCase, given_minor: int) -> str:
    if case.status == "completed" and given_minor and case.resolution == "refund_original":
        return told.say("%s refunded") % told.money(given_minor, case.currency)
    return told.say(_HEADINGS.get(case.status, "Received"))


def _case_item(told: Telling, case: ReturnCase, item: ReturnItem, line: OrderLine) -> dict[str, Any]:
    return _item(told, line, item.quantity, item.reason) | {"swap": swap_name(case, item, line)}


def label_gone(case: ReturnCase) -> str:
    """Why a label is not shown any more: used (it was scanned), here (so was the parcel) or void; empty while it is."""
    if case.status in _ENDED:
        return "void"
    return "here" if case.status in _HERE else "used" if case.status in _SENT else ""


def _label(case: ReturnCase, label: LabelState | None) -> str:
    """ready, making, arranging (a person helps) or own (no label is sold: the shopper posts it)."""
    if case.method == Method.OWN or label is None:
        return "own"
    if label.pdf_bytes and label.state in {"bought", "ready"}:
        return "ready"
    return "arranging" if label.state in {"refused", "unknown", "voided"} else "making"


def _counter(order: Order, case: ReturnCase, label: LabelState) -> dict[str, str] | None:
    """What stands in for paper at the carrier's counter: the address of its code, and the text to type."""
    if not label.has_code and not label.code_text:
        return None
    href = f"/orders/{order.public_id}/returns/{case.public_id}/counter-code" if label.has_code else ""
    return {"href": href, "text": label.code_text}


def _send_to(brand: Brand) -> list[str]:
    to = brand.return_address
    town = f"{to.get('city', '')} {to.get('postcode', '')}".strip()
    return [str(line) for line in (to.get("name"), *(to.get("lines") or ()), town, to.get("country")) if line]


def _steps(told: Telling, case: ReturnCase) -> list[tuple[str, str, str]]:
    """(state, title, text) of the way of a return; a return that ended early shows only what happened."""

    def at(moment: datetime | None) -> str:
        return told.day(moment.astimezone(zone_of(told.brand.zone)).date()) if moment else ""

    requested, approved, handed_in, received, settled = words.way_back(case.resolution)
    asked = ("done", told.say(requested[1]), at(case.requested_at))
    if case.status in _ENDED:
        return [asked, ("done", told.say(words.RETURN_STATUS[case.status].chip), at(case.closed_at))]
    by = told.say("By %s") % told.day_in_text(case.deadline) if case.deadline and case.approved_at else ""
    sent, over = case.status in _SENT, case.status == "completed"
    way = [
        (bool(case.approved_at) or sent, approved, at(case.approved_at)),
        (sent, handed_in, "" if sent else by),
        (case.status in _HERE, received, at(case.received_at)),
        (over, settled, at(case.closed_at) if over else ""),
    ]
    if case.status == "lost":
        del way[2]
    done = [is_done for is_done, _, _ in way]
    now = done.index(False) if False in done else len(done)
    rows = [
        ("done" if is_done else "now" if i == now else "todo", told.say(names[is_done]), text)
        for i, (is_done, names, text) in enumerate(way)
    ]
    return [asked, *rows]


def _parcel(told: Telling, row: Any) -> dict[str, Any]:
    shown = words.status(row.status)
    link = carrier_of(row.carrier)[1]
    return {
        "carrier": carrier_name(row),
        "number": row.number,
        "link": link.replace("{number}", row.number) if link and row.number.isalnum() else "",
        "chip": told.say(shown.chip),
        "tone": shown.tone,
        "icon": shown.icon,
    }


def qr_path(text: str) -> dict[str, Any]:
    """A QR code as one SVG path: `size` in modules with its quiet zone, `d` the dark ones."""
    modules = [list(row) for row in segno.make(text, error="m", micro=False).matrix_iter(border=4)]
    d = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(modules) for x, dark in enumerate(row) if dark)
    return {"size": len(modules), "d": d}
