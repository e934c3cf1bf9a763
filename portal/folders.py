"""Folders that connections may take files from: only inside what the settings allow, and never out of it by a link."""

from __future__ import annotations

import os
from pathlib import Path

from portal.settings import Settings


def check_folder(settings: Settings, text: str) -> str:
    """Why files cannot be taken from this folder, in a sentence; empty for one where they can, and for none."""
    if not text:
        return ""
    roots = settings.file_folder_paths
    if not roots:
        return "no folder is allowed; DOORSTEP_FILE_FOLDERS names those that are"
    try:
        return _fault_of(Path(text), roots)
    except (OSError, ValueError, RuntimeError):
        return "the folder cannot be looked at"


def _fault_of(folder: Path, roots: tuple[Path, ...]) -> str:
    if not folder.is_absolute() or ".." in folder.parts:
        return "the folder must be an absolute path, without .."
    real = folder.resolve()
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        return "the folder lies outside of those that DOORSTEP_FILE_FOLDERS allows"
    if not real.is_dir():
        return "there is no such folder on this machine"
    if not os.access(real, os.R_OK | os.W_OK | os.X_OK):
        return "the folder cannot be read and written by this program"
    return ""
