"""Files in a connection's folder: only where allowed, only when finished, each once, out of the way afterwards."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from portal.app import App
from portal.connections import create_connection, expert_fields_of, faults_of, fields_of
from portal.folders import check_folder
from portal.settings import SettingsError, load
from portal.shops.carrier_names import connection_for
from portal.tables import Connection, Inbox, Scan, Shipment
from portal.tracking.files import BATCH, MAX_BYTES, take_files, waiting_files
from portal.tracking.ingest import ingest
from portal.tracking.replay import plan
from portal.tracking.trial import examine
from tests.carriers.test_edi214 import interchange
from tests.conftest import SECRET_KEY, Clock
from tests.portal.tracking.test_ingest import drain, shipment
from tests.world import World

NUMBER = "NP447109260GB"
STATUS = interchange([f"B10*{NUMBER}**ACME", "LX*1", "AT7*AF*NS***20261124*0900*UT", "MS1*PENRITH**GB"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "edi" / "acme"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def allowed(app: App, tmp_path: Path) -> App:
    """As `app`, allowed to take files from below tmp_path/edi."""
    return replace(app, settings=app.settings.model_copy(update={"file_folders": str(tmp_path / "edi")}))


def connect(app: App, folder: Path, brand_id: int | None = None) -> Connection:
    with app.db.transaction() as tx:
        fields = {"folder": str(folder)}
        return create_connection(
            tx, app.keys, carrier="edi214", name="Acme", brand_id=brand_id, fields=fields, now=app.now()
        )


def drop(app: App, path: Path, body: bytes = STATUS, age: timedelta = timedelta(minutes=1)) -> Path:
    path.write_bytes(body)
    at = (app.now() - age).timestamp()
    os.utime(path, (at, at))
    return path


def rows(app: App) -> list[Inbox]:
    with app.db.reading() as tx:
        return list(tx.exec(select(Inbox).order_by(col(Inbox.id))).all())


def row_of(app: App, connection: Connection) -> Connection:
    with app.db.reading() as tx:
        return tx.get_one(Connection, connection.id)


def listed(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def follow(app: App, connection: Connection) -> None:
    """The parcel NUMBER is of a carrier that only this connection hears of."""
    with app.db.transaction() as tx:
        row = tx.exec(select(Shipment).where(Shipment.number_key == NUMBER)).one()
        row.carrier, row.connection_id = "acme", connection.id


def test_a_file_goes_through_the_inbox_to_its_parcel(allowed: App, world: World, clock: Clock, folder: Path) -> None:
    connection = connect(allowed, folder)
    follow(allowed, connection)
    drop(allowed, folder / "0001.edi")
    assert take_files(allowed) == 1
    (row,) = rows(allowed)
    assert (row.via, row.body, row.headers, row.carrier) == ("file", STATUS, {"file": "0001.edi"}, "edi214")
    assert listed(folder) == ["done/0001.edi"]
    assert drain(allowed) == 1
    assert shipment(allowed).status == "picked_up"
    heard = row_of(allowed, connection)
    assert (heard.last_push_at, heard.last_poll_at, heard.failures) == (clock.now, clock.now, 0)
    assert take_files(allowed) == 0
    assert [c for c in plan(allowed.db, now=clock.now) if c.number == NUMBER] == []


def test_the_same_bytes_are_one_row_under_any_name(allowed: App, world: World, folder: Path) -> None:
    connect(allowed, folder)
    for name in ("a.edi", "b.edi", "a.edi"):
        drop(allowed, folder / name)
        assert take_files(allowed) == 1
    assert len(rows(allowed)) == 1
    assert len(listed(folder)) == 3
    assert {name for name in listed(folder) if "a.edi" in name} > {"done/a.edi"}


def test_what_cannot_be_read_goes_to_failed_and_stays_in_the_inbox(allowed: App, world: World, folder: Path) -> None:
    connect(allowed, folder)
    drop(allowed, folder / "cut.edi", STATUS[:-20], age=timedelta(minutes=11))
    drop(allowed, folder / "picture.png", b"\x89PNG\r\n\x1a\n", age=timedelta(minutes=11))
    drop(allowed, folder / "empty.edi", b"", age=timedelta(minutes=11))
    assert take_files(allowed) == 3
    assert listed(folder) == ["failed/cut.edi", "failed/empty.edi", "failed/picture.png"]
    drain(allowed)
    assert all(row.dead_at and row.error for row in rows(allowed))
    assert "breaks off" in rows(allowed)[0].error


def test_what_is_still_being_written_is_left_alone(allowed: App, world: World, clock: Clock, folder: Path) -> None:
    connect(allowed, folder)
    drop(allowed, folder / "young.edi", age=timedelta(seconds=9))
    drop(allowed, folder / "half.edi", STATUS[:-20])
    for name in (".hidden.edi", "x.tmp", "x.part", "x.filepart", "x.partial"):
        drop(allowed, folder / name)
    assert take_files(allowed) == 0
    clock.forward(timedelta(seconds=1))
    assert take_files(allowed) == 1
    clock.forward(timedelta(minutes=9))
    assert take_files(allowed) == 1
    assert listed(folder) == [".hidden.edi", "done/young.edi", "failed/half.edi", "x.filepart", "x.part", "x.partial", "x.tmp"]  # fmt: skip # noqa: E501


def test_a_clock_that_is_ahead_does_not_keep_a_file_for_ever(allowed: App, world: World, folder: Path) -> None:
    connect(allowed, folder)
    drop(allowed, folder / "future.edi", age=-timedelta(hours=2))
    assert take_files(allowed) == 1


def test_what_is_no_plain_file_is_never_opened(allowed: App, world: World, folder: Path, tmp_path: Path) -> None:
    connect(allowed, folder)
    secret = drop(allowed, tmp_path / "secret.edi")
    (folder / "link.edi").symlink_to(secret)
    (folder / "folder.edi").mkdir()
    os.mkfifo(folder / "pipe.edi")
    assert take_files(allowed) == 0
    assert rows(allowed) == []
    assert secret.exists()


def test_a_planted_link_in_place_of_done_takes_no_file_out_of_the_folder(
    allowed: App, world: World, folder: Path, tmp_path: Path
) -> None:
    connection = connect(allowed, folder)
    (tmp_path / "elsewhere").mkdir()
    (folder / "done").symlink_to(tmp_path / "elsewhere")
    drop(allowed, folder / "a.edi")
    assert take_files(allowed) == 0
    assert listed(tmp_path / "elsewhere") == []
    assert (folder / "a.edi").exists()
    assert "a.edi" in row_of(allowed, connection).state_text
    assert len(rows(allowed)) == 1


def test_a_file_that_cannot_be_moved_does_not_hold_up_the_others(
    allowed: App, world: World, folder: Path, clock: Clock
) -> None:
    connect(allowed, folder)
    (folder / "failed").write_bytes(b"a file where a folder should be")
    os.utime(folder / "failed", (clock.now.timestamp(), clock.now.timestamp()))
    drop(allowed, folder / "a-bad.edi", b"bad", age=timedelta(minutes=11))
    drop(allowed, folder / "b-good.edi")
    assert take_files(allowed) == 1
    assert "done/b-good.edi" in listed(folder)


def test_a_file_too_large_is_put_aside_unread(allowed: App, world: World, folder: Path) -> None:
    connect(allowed, folder)
    drop(allowed, folder / "large.edi", b"ISA" + b" " * MAX_BYTES)
    assert take_files(allowed) == 1
    assert listed(folder) == ["failed/large.edi"]
    assert rows(allowed) == []


def test_names_that_no_database_holds_are_shown_as_far_as_they_can_be(allowed: App, world: World, folder: Path) -> None:
    connect(allowed, folder)
    name = os.fsdecode(b"caf\xe9\n.edi")
    drop(allowed, folder / name)
    assert take_files(allowed) == 1
    (row,) = rows(allowed)
    assert row.headers["file"].startswith("caf")
    assert row.headers["file"].isprintable()
    assert (folder / "done" / name).exists()


def test_a_batch_has_an_end_and_the_next_one_goes_on(allowed: App, world: World, folder: Path) -> None:
    connect(allowed, folder)
    for number in range(BATCH + 2):
        drop(allowed, folder / f"{number:03d}.edi", interchange([f"B10*{number}**ACME"]))
    assert [take_files(allowed) for _ in range(3)] == [BATCH, 2, 0]
    assert len(rows(allowed)) == BATCH + 2


def test_two_workers_on_one_folder_make_one_row_a_file(allowed: App, world: World, folder: Path) -> None:
    connection = connect(allowed, folder)
    drop(allowed, folder / "a.edi")
    with allowed.db.transaction() as tx:  # another worker has stored it and not yet moved it
        tx.add(_as_another_worker(connection, allowed))
    assert take_files(allowed) == 1
    assert len(rows(allowed)) == 1
    assert listed(folder) == ["done/a.edi"]


def _as_another_worker(connection: Connection, app: App) -> Inbox:
    from hashlib import sha256

    return Inbox(
        connection_id=connection.id or 0,
        carrier="edi214",
        via="file",
        hook_key=f"file:{sha256(STATUS).hexdigest()}",
        body=STATUS,
        received_at=app.now(),
    )


def test_a_folder_that_is_gone_is_said_once_a_minute_and_healed_by_itself(
    allowed: App, world: World, clock: Clock, folder: Path
) -> None:
    connection = connect(allowed, folder)
    folder.rmdir()
    assert take_files(allowed) == take_files(allowed) == 0
    told = row_of(allowed, connection)
    assert (told.failures, told.last_error_at) == (1, clock.now)
    assert "no such folder" in told.state_text
    folder.mkdir()
    drop(allowed, folder / "a.edi")
    assert take_files(allowed) == 0
    clock.forward(timedelta(minutes=1))
    assert take_files(allowed) == 1
    assert (row_of(allowed, connection).failures, row_of(allowed, connection).state_text) == (0, "")


def test_a_connection_that_is_off_takes_nothing(allowed: App, world: World, folder: Path) -> None:
    connection = connect(allowed, folder)
    with allowed.db.transaction() as tx:
        tx.get_one(Connection, connection.id).state = "disabled"
    drop(allowed, folder / "a.edi")
    assert take_files(allowed) == 0
    assert (folder / "a.edi").exists()


def test_only_parcels_of_its_own_brand_hear_of_it(allowed: App, world: World, folder: Path) -> None:
    connection = connect(allowed, folder, world.basalt.id)
    with allowed.db.transaction() as tx:
        row = tx.exec(select(Shipment).where(Shipment.number_key == NUMBER)).one()
        row.connection_id = None
    drop(allowed, folder / "a.edi")
    take_files(allowed)
    ingest(allowed)
    assert rows(allowed)[0].error == "no shipment has this number"
    with allowed.db.reading() as tx:
        assert tx.exec(select(Scan)).all() == []
    assert connection.brand_id == world.basalt.id


def test_a_settings_folder_must_be_absolute() -> None:
    for wrong in ("edi", "/srv/../etc", "/", "/srv/edi,edi"):
        with pytest.raises(SettingsError, match="FILE_FOLDERS"):
            load(secret_key=SECRET_KEY, file_folders=wrong)
    assert load(secret_key=SECRET_KEY, file_folders="/srv/edi, /srv/x12").file_folder_paths == (
        Path("/srv/edi"),
        Path("/srv/x12"),
    )


def test_a_folder_is_checked_when_it_is_filled_in(allowed: App, app: App, folder: Path, tmp_path: Path) -> None:
    assert check_folder(allowed.settings, str(folder)) == ""
    assert check_folder(allowed.settings, "") == ""
    assert "DOORSTEP_FILE_FOLDERS" in check_folder(app.settings, str(folder))
    (folder.parent / "out").symlink_to(tmp_path)
    (folder.parent / "in").symlink_to(folder)
    file = folder / "file"
    file.touch()
    for path, why in (
        ("edi/acme", "absolute"),
        (f"{folder}/../../x", "absolute"),
        (str(tmp_path), "outside"),
        (str(folder.parent / "out"), "outside"),
        (f"{folder.parent}-not", "outside"),
        (str(folder / "missing"), "no such folder"),
        (str(file), "no such folder"),
        ("/a\0b", "cannot be looked at"),
        ("/" + "x" * 5000, ""),
    ):
        assert why in check_folder(allowed.settings, path)
        assert check_folder(allowed.settings, path)
    assert check_folder(allowed.settings, str(folder.parent / "in")) == ""


def test_the_form_asks_for_no_address_of_an_api(allowed: App, folder: Path) -> None:
    from carriers.registry import all_carriers

    about = all_carriers()["edi214"].about
    assert [field.name for field in fields_of(about)] == ["folder", "webhook_secret"]
    assert [field.name for field in expert_fields_of(about)] == ["hook_rate"]
    assert faults_of(allowed, about, {"folder": str(folder)}) == {}
    assert "outside" in faults_of(allowed, about, {"folder": "/etc"})["folder"]
    assert fields_of(all_carriers()["manual"].about) == []


def test_a_test_of_the_connection_says_what_is_so_with_the_folder(
    allowed: App, app: App, world: World, folder: Path
) -> None:
    connection = connect(allowed, folder)
    drop(allowed, folder / "a.edi")
    told = {finding.part: str(finding) for finding in examine(allowed, connection)}
    assert told["files"] == "The folder can be read and written. Files that wait in it: 1."
    assert told.keys() == {"fields", "files", "push"}
    assert waiting_files(allowed, connection) == 1
    told = {finding.part: str(finding) for finding in examine(app, connection)}
    assert "DOORSTEP_FILE_FOLDERS" in told["files"]
    with allowed.db.transaction() as tx:
        tx.get_one(Connection, connection.id).config = {}
    told = {finding.part: str(finding) for finding in examine(allowed, row_of(allowed, connection))}
    assert told["files"].startswith("No folder")


def test_parcels_of_a_file_carrier_are_followed_through_its_connection(
    allowed: App, world: World, folder: Path
) -> None:
    connection = connect(allowed, folder)
    assert connection_for("edi214", world.juniper.id or 0, [connection]) == connection
