"""rdb.py - DUMP's payloads, made without the code under test."""

POLYNOMIAL = 0x95AC9329AC4BC9B5


def make_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = make_table()


def crc64(data):
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc


def sealed(body, version=10):
    body += version.to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")


def rdb_string(value):
    """A string, always plain."""
    if len(value) < 64:
        head = bytes([len(value)])
    elif len(value) < 16384:
        head = (0x4000 | len(value)).to_bytes(2, "big")
    else:
        head = b"\x80" + len(value).to_bytes(4, "big")
    return sealed(b"\0" + head + value)
