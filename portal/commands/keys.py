"""keys rotate: from an earlier secret key to today's, without a gap."""

from __future__ import annotations

from portal.commands.terminal import Stop, opened, say, tell


def rotate(*, only_look: bool) -> None:
    """Seals everything anew with DOORSTEP_SECRET_KEY. Exit 1 when something opens with none of the keys."""
    from portal.rotation import rotate as seal_anew

    with opened() as app:
        found = seal_anew(app, only_look=only_look)
    say(f"{found.sealed} {'to seal' if only_look else 'sealed'} anew, {found.already} with the newest key already")
    if found.dropped:
        tell(f"{found.dropped} access tokens open with no key here and are fetched anew")
    if found.unreadable:
        names = (f"{name} opens with none of the keys: fill its secrets in again" for name in found.unreadable)
        raise Stop(*names)
    if app.keys.further and not (only_look and found.sealed):
        tell("DOORSTEP_FURTHER_SECRET_KEYS can be emptied once no process uses an earlier key any more")
