"""Sending something back: three steps, then the return's own page with its label. Works without JavaScript.

The answers travel in the form and are judged anew at every step, so nothing is stored before the shopper confirms.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlmodel import col, func, select

from portal.audit import SHOPPER
from portal.refusal import Refusal
from portal.returning import approve, rows, start
from portal.returning.start import Offer
from portal.speech.words import RESOLUTION
from portal.tables import Label, Order, Refund, ReturnCase, Shipment
from portal.web import view_return
from portal.web.access import shopper_of_order
from portal.web.answers import Blob, Go, View
from portal.web.edge import Ask, page
from portal.web.view_frame import shop_view
from portal.web.view_return import Draft, LabelState, telling

# A step is the answer to a form: a browser that may not keep it shows an error instead when one goes back.
_GOING_BACK = {"Cache-Control": "private, no-cache"}
# What carriers send as documents, by their first bytes: what they call them is not always true.
_KINDS = {b"%PDF-": ("application/pdf", "pdf"), b"\x89PNG": ("image/png", "png"), b"GIF8": ("image/gif", "gif")}


@page("GET", "/orders/{order}/returns/new", who=shopper_of_order)
def begin(ask: Ask) -> View:
    """Step 1, empty. Says so when nothing has arrived yet, and to whom it may not be shown."""
    order = ask.who.order
    if not ask.who.sees_all:
        return _show(ask, "pages/returns/needs_link.html", {"can_mail": bool(order.email)})
    offer = start.offer(ask.tx, ask.brand, order, ask.now)
    untracked = order.stage == "completed"  # the shop says that it arrived, and no parcel could
    if view_return.is_too_early(offer) and "arrived" not in ask.query and not untracked:
        return _show(ask, "pages/returns/too_early.html", {})
    return _items(ask, offer, Draft.read({}, offer), {})


@page("POST", "/orders/{order}/returns/new", who=shopper_of_order, writes=False)
def go_on(ask: Ask) -> View:
    """From one step to another, forwards or back; `go` names the step wanted."""
    _sees_all(ask)
    offer = start.offer(ask.tx, ask.brand, ask.who.order, ask.now)
    draft = Draft.read(ask.body, offer)
    wanted = ask.body.get("go")
    if wanted == "items":
        return _items(ask, offer, draft, {})
    return _review(ask, offer, draft) if wanted == "review" else _resolution(ask, offer, draft)


@page("POST", "/orders/{order}/returns", who=shopper_of_order)
def confirm(ask: Ask) -> View | Go:
    """Opens the return. Sending the same form twice opens one."""
    ask.who.must_act()
    offer = start.offer(ask.tx, ask.brand, ask.who.order, ask.now)
    draft = Draft.read(ask.body, offer)
    case = _already(ask, draft)
    if case is not None:
        return _to(ask, case)
    shown = _review(ask, offer, draft)
    if shown.status != 200 or shown.values["step"] != view_return.STEPS:
        return shown
    try:
        with ask.tx.begin_nested():
            case = start.start_return(
                ask.tx,
                ask.brand,
                ask.who.order,
                draft.wanted(),
                request_key=draft.request_key,
                by=SHOPPER,
                now=ask.now,
                shown=draft.shown,
            )
    except Refusal as refusal:
        if refusal.code == "quote_changed":
            return _review(ask, offer, draft, changed=True)
        # Somebody was faster, or stock ran out between review and confirm: say so where it can be mended.
        return _items(ask, offer, draft, {"form": refusal.code}, status=refusal.status)
    return _to(ask, case)


@page("GET", "/orders/{order}/returns/{case}", who=shopper_of_order)
def return_page(ask: Ask) -> View:
    """One return: its label, its steps, its money."""
    order, case = ask.who.order, _case(ask)
    drawn = select(Label.state, func.length(Label.pdf), Label.code_text).where(Label.return_id == case.id)
    label = ask.tx.exec(drawn).first()
    beside = select(func.length(Label.code), func.length(Label.customs)).where(Label.return_id == case.id)
    code, customs = ask.tx.exec(beside).first() or (0, 0)
    parcel = ask.tx.exec(
        select(Shipment).where(Shipment.return_id == case.id).order_by(col(Shipment.id).desc())
    ).first()
    paid = Refund.return_id == case.id, Refund.state != "failed"
    given = ask.tx.exec(select(func.coalesce(func.sum(Refund.amount_minor), 0)).where(*paid)).one()
    values = view_return.case_view(
        telling(ask.brand, ask.now),
        order,
        case,
        rows.items_of(ask.tx, case),
        LabelState(label[0], label[1] or 0, bool(code), label[2], bool(customs)) if label else None,
        parcel,
        int(given),
    )
    return shop_view(
        ask, "pages/return_case.html", {**values, "may_act": ask.who.may_act, "sees_all": ask.who.sees_all}
    )


@page("GET", "/orders/{order}/returns/{case}/label.pdf", who=shopper_of_order)
def label_pdf(ask: Ask) -> Blob | View:
    """The sheet to print, until the carrier's first scan. Refused while it is made, and for who may not see it."""
    return _paper(ask, "pdf", "return")


@page("GET", "/orders/{order}/returns/{case}/counter-code", who=shopper_of_order)
def counter_code(ask: Ask) -> Blob | View:
    """The code that a counter scans instead of paper, as the carrier drew it. Shown as long as the label is."""
    return _paper(ask, "code", "counter-code")


@page("GET", "/orders/{order}/returns/{case}/customs.pdf", who=shopper_of_order)
def customs_papers(ask: Ask) -> Blob | View:
    """The papers that go beside the label across a border."""
    return _paper(ask, "customs", "customs")


@page("POST", "/orders/{order}/returns/{case}/cancel", who=shopper_of_order)
def cancel(ask: Ask) -> Go:
    """Calls the return off, until the first scan. Asking twice is the same as asking once."""
    ask.who.must_act()
    case = _case(ask)
    if case.status != "cancelled":
        approve.cancel(ask.tx, ask.brand, case, SHOPPER, ask.now)
    return _to(ask, case)


def _paper(ask: Ask, column: str, name: str) -> Blob | View:
    """One of the label's documents, for who sees all, until the carrier's first scan."""
    _sees_all(ask)
    case = _case(ask)
    why = view_return.label_gone(case)
    if why:
        values = {"why": why, "base": f"/orders/{ask.who.order.public_id}/returns/{case.public_id}"}
        return shop_view(ask, "pages/returns/label_gone.html", values, status=410)
    label = ask.tx.exec(select(Label).where(Label.return_id == case.id)).first()
    body: bytes = getattr(label, column) if label else b""
    if label is None or not body or label.state not in {"bought", "ready"}:
        raise Refusal("no_label", 409)
    kind, ending = next((found for start, found in _KINDS.items() if body.startswith(start)), ("", ""))
    if not kind:
        raise Refusal("no_label", 409)
    return Blob(body, kind, f"{name}-{case.rma}.{ending}", inline=True)


def _items(ask: Ask, offer: Offer, draft: Draft, faults: Mapping[str, str], *, status: int = 422) -> View:
    values = view_return.items_step(telling(ask.brand, ask.now), ask.who.order, offer, draft, faults)
    return _show(ask, "pages/returns/items.html", {"denied": [], **values}, status=status if faults else 200)


def _resolution(ask: Ask, offer: Offer, draft: Draft, fault: str = "") -> View:
    order, told = ask.who.order, telling(ask.brand, ask.now)
    faults = draft.faults(offer)
    if faults:
        return _items(ask, offer, draft, faults)
    quote = start.quote(ask.tx, ask.brand, order, draft.wanted("refund_original"), ask.now)
    denied = view_return.denied(told, order, quote)
    if denied:
        values = view_return.items_step(told, order, offer, draft, {"form": "denied"})
        return _show(ask, "pages/returns/items.html", {**values, "denied": denied}, status=422)
    values = view_return.resolution_step(told, order, offer, draft, quote)
    return _show(ask, "pages/returns/resolution.html", {**values, "fault": fault}, status=422 if fault else 200)


def _review(ask: Ask, offer: Offer, draft: Draft, *, changed: bool = False) -> View:
    """Step 3, or the earlier step that still lacks an answer. `changed`: not what was agreed to a moment ago."""
    order, told = ask.who.order, telling(ask.brand, ask.now)
    first = _resolution(ask, offer, draft)
    if first.status != 200:
        return first
    if draft.resolution not in RESOLUTION:
        return _resolution(ask, offer, draft, "resolution")
    try:
        quote = start.quote(ask.tx, ask.brand, order, draft.wanted(), ask.now)
    except Refusal as refusal:
        return _resolution(ask, offer, draft, refusal.code)
    values = {**view_return.review_step(told, order, offer, draft, quote), "changed": changed}
    return _show(ask, "pages/returns/review.html", values, status=409 if changed else 200)


def _show(ask: Ask, template: str, values: Mapping[str, object], *, status: int = 200) -> View:
    order: Order = ask.who.order
    base = f"/orders/{order.public_id}"
    values = {"base": base, "number": order.number, **values}
    return shop_view(ask, template, values, status=status, headers=_GOING_BACK)


def _sees_all(ask: Ask) -> None:
    if not ask.who.sees_all:
        raise Refusal("needs_link", 403)


def _case(ask: Ask) -> ReturnCase:
    """The return in the path, of this order and no other."""
    mine = ReturnCase.order_id == ask.who.order.id, ReturnCase.public_id == ask.path["case"]
    case = ask.tx.exec(select(ReturnCase).where(*mine)).first()
    if case is None:
        raise Refusal("not_found", 404)
    return case


def _already(ask: Ask, draft: Draft) -> ReturnCase | None:
    mine = ReturnCase.order_id == ask.who.order.id, ReturnCase.request_key == draft.request_key
    return ask.tx.exec(select(ReturnCase).where(*mine)).first()


def _to(ask: Ask, case: ReturnCase) -> Go:
    return Go(f"/orders/{ask.who.order.public_id}/returns/{case.public_id}")
