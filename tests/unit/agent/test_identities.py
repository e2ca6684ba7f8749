"""Numbers that the API's integers do not hold: an image is known by them all the same."""

import dataclasses
import os
import pathlib
import stat
from types import SimpleNamespace

import pytest

import detour_agent
from detour_agent.adapters.identities import identity_of, of_file, plain
from detour_agent.adapters.images import SECTOR_BYTES, OverlayFiles
from detour_agent.adapters.places import Places
from detour_agent.domain import budget
from detour_agent.domain.journal import decode, encode
from detour_agent.domain.situation import Seen, Wanted
from detour_agent.domain.status import Facts, node_status
from detour_agent.domain.step import Action, Step
from detour_agent.privileged import flush, mounts
from detour_crds.attachment_switch import Identity, Node, Order, Stage, Top
from unit.agent.test_journal import RECORD

MOST = 2**63 - 1
INODES = {0: 0, 5: 5, MOST: MOST, 2**63: -(2**63), 2**64 - 1: -1}


def found(inode: int, kind: int = stat.S_IFREG) -> os.stat_result:
    return os.stat_result((kind, inode, 66, 1, 0, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(("inode", "told"), INODES.items())
def test_every_inode_fits_and_is_told_from_every_other_one(inode, told):
    identity = identity_of(found(inode))
    assert identity == Identity(device=66, inode=told)
    assert -(2**63) <= identity.inode <= MOST
    assert len({identity_of(found(other)) for other in INODES}) == len(INODES)


@pytest.mark.parametrize("inode", INODES)
def test_the_child_sees_the_same_identity(inode):
    file = found(inode)
    expected = plain(identity_of(file))
    assert flush.identity(file) == mounts.identity(file) == expected
    assert plain(of_file(found(inode, stat.S_IFDIR))) == expected


def test_an_inode_is_read_in_one_place():
    """Whoever compares one that was read elsewhere finds another image."""
    folder = pathlib.Path(detour_agent.__file__).parent
    read = [path.name for path in folder.rglob("*.py") if "st_ino)" in path.read_text()]
    assert read == ["numbers.py"]


def test_a_record_of_an_agent_that_wrote_the_number_itself():
    big = dataclasses.replace(RECORD, source=Identity(device=1, inode=2**64 - 2))
    record = decode(encode(big))
    assert record.source == Identity(device=1, inode=-2)
    assert record.destination == RECORD.destination
    assert decode(encode(record)) == record


def test_a_file_system_that_claims_more_than_there_is(tmp_path, monkeypatch):
    everything = 2**64 // 4096
    claimed = (4096, 4096, everything, everything, everything, 2**64 - 1, 2**64 - 1, 2**64 - 1)
    space = os.statvfs_result((*claimed, 0, 255))
    monkeypatch.setattr(Places, "space", lambda _places, _uid: space)
    room = OverlayFiles(tmp_path).room("u")
    assert 0 < budget.limit(room, None) <= room.free_bytes == room.total_bytes == MOST


@pytest.mark.parametrize("blocks", [MOST // SECTOR_BYTES, MOST])
def test_files_that_claim_more_than_there_is(tmp_path, monkeypatch, blocks):
    claimed = SimpleNamespace(st_blocks=blocks)
    monkeypatch.setattr(pathlib.Path, "stat", lambda _path: claimed)
    taken = OverlayFiles(tmp_path).allocated_bytes("u", "o")
    assert 0 < taken <= MOST
    seen = Seen(top=Top.OVERLAY, stage=Stage.OVERLAY)
    facts = Facts(token=RECORD.token, overlays=("o",), overlay_bytes=3 * taken)
    told = node_status(Wanted(order=Order.NONE), seen, Step("L1", Action.REPORT), facts, Node())
    assert told.overlay.bytes == MOST
