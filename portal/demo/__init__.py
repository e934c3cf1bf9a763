"""The demo: two invented shops, a simulated carrier and a mail catcher, all on this machine."""

from portal.demo.show import run

__all__ = ["run"]
