"""Writes docs/carriers.md from what the adapters declare: `python -m carriers.docs > docs/carriers.md`."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from carriers.contract import (
    About,
    Activates,
    Budget,
    Carrier,
    Field,
    Greets,
    Hooked,
    IssuesTokens,
    Labels,
    ReadsFiles,
    ReadsLabels,
    Subscribes,
    Tracks,
    Trust,
)
from carriers.registry import all_carriers
from carriers.status import SUB_STATUSES

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs"

_HEAD: Final = """# Carriers

Generated from the adapters by `make docs`; change `carriers/adapters/`, not this page. What one reads differently from
other programs is written by hand in `docs/differences/`.

A level is computed, not claimed. *fetch*: numbers can be polled. *files*: it comes in files. *+ hooks*: its webhooks
are read. *+ labels*: return labels can be bought and voided. *+ remote green*: the tests marked `remote` have passed
against the carrier's own test system, and `docs/remote-green.txt` names it.
"""

_TRUST: Final = {
    Trust.SIGNED: "Signed: the body is covered by a signature and is ingested.",
    Trust.HINT: "Hint: nothing proves the body, so it brings the next poll forward and changes nothing by itself.",
}
_PROMPTS: Final = "Signed: the body is covered by a signature, and brings the next poll forward."


def render(
    carriers: Mapping[str, Carrier],
    differences: Mapping[str, str] | None = None,
    remote_green: Collection[str] = (),
) -> str:
    """The whole page. `differences` holds Markdown per slug; equal input gives equal text."""
    parts = [_HEAD, _overview(carriers, remote_green)]
    for slug in sorted(carriers):
        parts.append("\n".join(_section(carriers[slug], (differences or {}).get(slug, ""), slug in remote_green)))
    return "\n".join(parts).rstrip() + "\n"


def level(carrier: Carrier, remote_green: bool = False) -> str:
    """How far the adapter goes, from the capabilities it has. A step that is missing ends the ladder of names."""
    steps = [
        ("fetch", isinstance(carrier, Tracks)),
        ("files", isinstance(carrier, ReadsFiles)),
        ("hooks", isinstance(carrier, Hooked)),
        ("labels", isinstance(carrier, Labels)),
        ("remote green", remote_green),
    ]
    return " + ".join(name for name, has in steps if has) or "nothing yet"


def _overview(carriers: Mapping[str, Carrier], remote_green: Collection[str]) -> str:
    rows = ["| Carrier | Level | Numbers a call | Webhooks |", "| --- | --- | --- | --- |"]
    for slug in sorted(carriers):
        carrier, about = carriers[slug], carriers[slug].about
        hooks = about.hook_trust.value if isinstance(carrier, Hooked) else "none"
        reached = level(carrier, slug in remote_green)
        rows.append(f"| [{_cell(about.name)}](#{slug}) | {reached} | {about.batch_size} | {hooks} |")
    return "\n".join(rows) + "\n"


def _section(carrier: Carrier, differences: str, green: bool) -> Iterator[str]:
    about = carrier.about
    yield f'<a id="{about.slug}"></a>\n'
    yield f"## {about.name}\n"
    yield f"- Slug: `{about.slug}`"
    yield f"- Level: {level(carrier, green)}"
    yield f"- Documentation: <{about.docs_url}>"
    yield from _hosts(about)
    yield f"- Pace: {_pace(about)}"
    if isinstance(carrier, Hooked):
        headers = ", ".join(f"`{name}`" for name in about.hook_header_names)
        told = f"{_PROMPTS} {about.hook_prompts}" if about.hook_prompts else _TRUST[about.hook_trust]
        yield f"- Webhooks: {told} Headers read: {headers or 'none'}."
    yield from _pushes(carrier)
    yield from _labels(carrier)
    if about.time_rule:
        yield f"- Times: {about.time_rule}"
    yield ""
    yield from _titled("To connect it", [_field(field) for field in about.fields])
    yield from _codes(about)
    yield from _unmapped(about)
    if about.assumed:
        yield from _titled("Assumed, on a second-hand source alone", about.assumed)
    yield from _titled("Sources", [_linked(source) for source in about.sources])
    yield from _titled("Known gaps", about.gaps)
    if differences.strip():
        yield f"### Differences from peers\n\n{differences.strip()}\n"


def _hosts(about: About) -> Iterator[str]:
    if about.live:
        yield f"- Host: `{about.live}`" + (f", test system `{about.sandbox}`" if about.sandbox else "")
    else:
        yield "- Host: given with the connection"
    if about.number_pattern:
        yield f"- Numbers: `{about.number_pattern}`, {about.batch_size} a call"
    if about.tracking_page:
        yield f"- Its own tracking page: `{about.tracking_page}`"


def _pushes(carrier: Carrier) -> Iterator[str]:
    """How its pushes are asked for, and what it wants to see before the first."""
    about = carrier.about
    if isinstance(carrier, Subscribes):
        numbers = (
            f"{_counted(about.subscription_batch, 'number')} a call" if about.subscription_batch else "the account"
        )
        life = about.subscription_life
        ends = f"each lasts {_span(life)} and is renewed before" if life else "each lasts until it is ended"
        yield f"- Subscriptions: by API, for {numbers}; {ends}."
    steps = [
        ("its calls that are no deliveries are answered", isinstance(carrier, Greets)),
        ("it is called back before it pushes", isinstance(carrier, Activates)),
        ("it fetches a token from us, at the webhook address + `/token`", isinstance(carrier, IssuesTokens)),
    ]
    if said := [words for words, has in steps if has]:
        yield f"- Handshake: {'; '.join(said)}."


def _labels(carrier: Carrier) -> Iterator[str]:
    """What can be done with its return labels."""
    if not isinstance(carrier, Labels):
        return
    within = carrier.about.void_within
    back = f"given back within {_span(within)}" if within else "given back; no deadline is known"
    read = ". `doorstep carriers parse --label` reads what it answers" if isinstance(carrier, ReadsLabels) else ""
    yield f"- Labels: bought and {back}{read}."
    if carrier.about.resells:
        yield (
            "- A purchase whose answer is lost, by the network or by a crash of ours, is not repeated, because the "
            "carrier would sell a second label. Agents find the return with the words *Nobody knows whether the label "
            "was bought*."
        )


def _span(span: timedelta) -> str:
    """ "14 days", "36 hours", "90 minutes": the largest unit that comes out even."""
    for name, unit in (("day", timedelta(days=1)), ("hour", timedelta(hours=1))):
        if not span % unit:
            return _counted(span // unit, name)
    return _counted(span // timedelta(minutes=1), "minute")


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}" + ("" if count == 1 else "s")


def _pace(about: About) -> str:
    return "; ".join(_budget(budget) for budget in about.budgets) or "no budget set"


def _budget(budget: Budget) -> str:
    names = {1: "a second", 60: "a minute", 3600: "an hour", 86400: "a day"}
    seconds = budget.per / timedelta(seconds=1)
    calls = "1 call" if budget.calls == 1 else f"{budget.calls:,} calls"
    return f"{calls} " + names.get(int(seconds), f"in {seconds:g} seconds")


def _field(field: Field) -> str:
    said = f"`{field.name}`: {field.label}" + ("" if field.required else " (optional)")
    said += f". {field.help}" if field.help else ""
    return f"{said.removesuffix('.')}. One of {_choices(field)}." if field.choices else said


def _choices(field: Field) -> str:
    """The values, with their words where these say more."""
    return ", ".join(
        f"`{value}`" + (f" ({words})" if words.casefold() != value else "") for value, words in field.choices.items()
    )


def _titled(title: str, lines: Collection[str]) -> Iterator[str]:
    if lines:
        yield f"### {title}\n"
        yield "\n".join(f"- {line}" for line in lines) + "\n"


def _codes(about: About) -> Iterator[str]:
    """The code table. A code that is not in it is shown in the carrier's words and listed for mapping."""
    if not about.codes:
        return
    yield f"### Codes ({len(about.codes)})\n"
    yield "| Code | Status | Sub-status |\n| --- | --- | --- |"
    for code, word in sorted(about.codes.items()):
        status, sub_status = (word.partition(".")[0], word) if word in SUB_STATUSES else (word, "")
        yield f"| `{_cell(code)}` | {status} | {sub_status} |"
    yield ""


def _unmapped(about: About) -> Iterator[str]:
    """Codes that are known and say no status, by the reason why."""
    if not about.unmapped:
        return
    why: dict[str, list[str]] = {}
    for code, reason in sorted(about.unmapped.items()):
        why.setdefault(reason, []).append(f"`{code}`")
    yield from _titled(
        f"Codes without a status ({len(about.unmapped)})",
        [f"{', '.join(codes)}: {reason}" for reason, codes in why.items()],
    )


def _linked(source: str) -> str:
    return f"<{source}>" if source.startswith("https://") and " " not in source else source


def _cell(value: str) -> str:
    return value.replace("|", "\\|")


def differences_in(folder: Path) -> dict[str, str]:
    """slug -> Markdown, of docs/differences/<slug>.md."""
    return {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.md"))}


def remote_green_in(path: Path) -> frozenset[str]:
    """The slugs whose remote tests have passed, one a line; none where the file is missing."""
    return frozenset(path.read_text("utf-8").split()) if path.exists() else frozenset()


def page() -> str:
    """docs/carriers.md as it should be now."""
    return render(all_carriers(), differences_in(FOLDER / "differences"), remote_green_in(FOLDER / "remote-green.txt"))


if __name__ == "__main__":
    sys.stdout.write(page())
