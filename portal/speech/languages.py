"""A brand's locale as markup wants it."""

RTL = frozenset({"ar", "fa", "he", "ur"})


def language_tag(locale: str) -> str:
    """A brand's locale as HTML spells it: "en-GB" for "en_GB"."""
    return locale.replace("_", "-")


def direction(lang: str) -> str:
    """ "rtl" or "ltr", by the language."""
    return "rtl" if lang.partition("-")[0] in RTL else "ltr"
