"""Records and protobuf's wire, against the libraries that define them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapescope.formats import protobuf as pb
from tapescope.formats import records as rec
from tapescope.formats.crc32c import crc32c


def plain(data):
    """CRC-32C bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return ~crc & 0xFFFFFFFF


def test_the_crc_of_known_vectors():
    """RFC 3720, B.4."""
    assert [crc32c(d) for d in (bytes(32), b"\xff" * 32, bytes(range(32)), bytes(range(31, -1, -1)))] == [0x8A9136AA, 0x62A8AB43, 0x46DD794E, 0x113FDB5C]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 32767, 32768, 32769, 40013])
def test_long_and_short_ways_agree_with_the_plain_one(n):
    data = bytes((i * 2654435761 >> 13) & 255 for i in range(n))
    assert crc32c(data) == plain(data)


def test_a_large_block_in_two_halves():
    """Lanes are joined at several sizes: appending a byte to a block is one plain step more."""
    data = bytes(range(256)) * 4100
    crc = ~crc32c(data) & 0xFFFFFFFF
    crc ^= 7
    for _ in range(8):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    assert crc32c(data + b"\x07") == ~crc & 0xFFFFFFFF


@given(st.lists(st.binary(max_size=300), max_size=5))
@settings(deadline=None, max_examples=50)
def test_records_come_back(chunks):
    data = b"".join(map(rec.frame, chunks))
    assert [bytes(piece) for piece, _ in rec.records(data)] == chunks


def test_tensorboard_reads_our_records(tmp_path):
    loader = pytest.importorskip("tensorboard.compat.tensorflow_stub.pywrap_tensorflow")
    path = tmp_path / "events"
    path.write_bytes(b"".join(rec.frame(d) for d in (b"", b"x" * 17, bytes(40000))))
    reader = loader.PyRecordReader_New(str(path))
    found = []
    for _ in range(3):
        reader.GetNext()
        found.append(reader.record())
    assert found == [b"", b"x" * 17, bytes(40000)]


def test_a_tail_that_is_still_written_is_left_for_later():
    data = rec.frame(b"one") + rec.frame(b"two")
    for cut in range(len(rec.frame(b"one")), len(data)):
        assert [bytes(p) for p, _ in rec.records(data[:cut])] == [b"one"]
    (_, at), = rec.records(data[:-1])
    assert [bytes(p) for p, _ in rec.records(data, at)] == [b"two"]


@pytest.mark.parametrize("at", [0, 7, 8, 12, 14, 15, 18])
def test_a_flipped_bit_is_noticed(at):
    data = bytearray(rec.frame(b"one"))
    data[at] ^= 4
    with pytest.raises(rec.Damaged, match="offset 0"):
        list(rec.records(bytes(data)))


def test_messages_are_protobufs():
    event_pb2 = pytest.importorskip("tensorboard.compat.proto.event_pb2")
    raw = (pb.double(1, 1.5) + pb.integer(2, -7) + pb.text(3, "") +
           pb.chunk(5, pb.chunk(1, pb.chunk(1, "a/ö") + pb.single(2, 0.0)) + pb.chunk(1, pb.chunk(1, "h") + pb.chunk(5, pb.doubles(7, [1, 2]) + pb.doubles(6, [])))))
    event = event_pb2.Event.FromString(raw)
    assert (event.wall_time, event.step, event.file_version) == (1.5, -7, "")
    a, h = event.summary.value
    assert (a.tag, a.WhichOneof("value"), list(h.histo.bucket), list(h.histo.bucket_limit)) == ("a/ö", "simple_value", [1, 2], [])
    again = {n: v for n, _, v in pb.fields(event.SerializeToString())}
    assert pb.as_double(again[1]) == 1.5 and pb.signed(again[2]) == -7


@given(st.binary(max_size=60))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_a_message_or_damaged(data):
    try:
        for _, kind, value in pb.fields(data):
            assert isinstance(value, memoryview) == (kind == pb.BYTES)
    except pb.Damaged:
        pass


def test_what_a_damaged_message_says():
    for raw, says in ((b"\x0a\x05ab", "claims 5 bytes, 2 are left"), (b"\x0b", "wire type 3"), (b"\x80", "ends too soon"), (b"\x00", "field number 0"),
                      (b"\x08" + b"\xff" * 11, "more than 64 bits")):
        with pytest.raises(pb.Damaged, match=says):
            list(pb.fields(raw))
    assert pb.as_float(struct.unpack("<I", struct.pack("<f", 2.5))[0]) == 2.5
