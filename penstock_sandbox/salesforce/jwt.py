"""RS256 signatures of JWT assertions, checked with arithmetic alone: no cryptography package is needed."""

import base64
import hashlib

import msgspec

_RSA = bytes.fromhex("06092a864886f70d010101")
"""The object identifier rsaEncryption, which stands before a public key in a key file and in a certificate."""
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


class PublicKey(msgspec.Struct):
    """An RSA public key."""

    modulus: int
    exponent: int


def public_key(pem: str) -> PublicKey:
    """Return the key of a PEM public key or certificate. Raises ValueError where there is none."""
    lines = [line for line in pem.strip().splitlines() if not line.startswith("-----")]
    der = base64.b64decode("".join(lines))
    place = der.find(_RSA)
    if place < 0:
        raise ValueError("there is no RSA key in it")
    start = der.index(b"\x03", place + len(_RSA))
    _, bits, _ = _element(der, start)
    _, pair, _ = _element(bits, 1)
    _, modulus, rest = _element(pair, 0)
    _, exponent, _ = _element(pair, rest)
    return PublicKey(int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big"))


def _element(der: bytes, start: int) -> tuple[int, bytes, int]:
    """Return tag, content and end of one element."""
    length, place = der[start + 1], start + 2
    if length & 0x80:
        width = length & 0x7F
        length, place = int.from_bytes(der[place : place + width], "big"), place + width
    return der[start], der[place : place + length], place + length


def claims(assertion: str) -> tuple[dict[str, object], bytes, bytes]:
    """Return an assertion's claims, what is signed and the signature. Raises ValueError for what is no RS256 JWT."""
    parts = assertion.split(".")
    if len(parts) != 3:
        raise ValueError("not a JWT")
    header = msgspec.json.decode(_decoded(parts[0]), type=dict[str, object])
    if header.get("alg") != "RS256":
        raise ValueError("not signed with RS256")
    body = msgspec.json.decode(_decoded(parts[1]), type=dict[str, object])
    return body, f"{parts[0]}.{parts[1]}".encode(), _decoded(parts[2])


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(key: PublicKey, signed: bytes, signature: bytes) -> bool:
    """Tell whether the signature is the key's."""
    size = (key.modulus.bit_length() + 7) // 8
    digest = _SHA256 + hashlib.sha256(signed).digest()
    wanted = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    found = pow(int.from_bytes(signature, "big"), key.exponent, key.modulus)
    return len(signature) == size and found.to_bytes(size, "big") == wanted
