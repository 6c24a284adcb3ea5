"""Answers that are odd, as tables: what passes for an answer, and what does not.

test_strictness.py reads them with our reader, test_as_httpx_does.py over sockets and beside httpx's
own transport. The tables grow; nothing is ever taken out.
"""

from __future__ import annotations

from tests.wire.scripted import OK, chunk

CODED = b"Transfer-Encoding: chunked"
TWO = b"Content-Length: 2"
END = b"0\r\n\r\n"


def answer(*headers: bytes, line: bytes = b"HTTP/1.1 200 OK", body: bytes = b"ok") -> bytes:
    return b"\r\n".join([line, *headers, b"", body])


def chunks(*headers: bytes, line: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return answer(*headers, line=line, body=chunk(b"ok") + END)


GOOD = {
    # An answer of which the body is `ok`, and whether its connection may be used again.
    "a length with blanks around it": (answer(b"Content-Length:\t 2 \t"), True),
    "a length with leading zeros": (answer(b"Content-Length: 0002"), True),
    "a coding in capitals with a blank behind it": (chunks(b"Transfer-Encoding: CHUNKED "), True),
    "chunk sizes with leading zeros": (answer(CODED, body=b"0" * 40 + b"2\r\nok\r\n" + END), True),
    "chunk extensions": (answer(CODED, body=b'2;a=b;c="d e"\r\nok\r\n0;x\r\n\r\n'), True),
    "trailers": (answer(CODED, body=b"2\r\nok\r\n0\r\nX: y\r\nZ:\r\n\r\n"), True),
    "a trailer that says close": (
        answer(CODED, body=b"2\r\nok\r\n0\r\nConnection: close\r\n\r\n"),
        False,
    ),
    "a header without a value": (answer(b"X:", TWO), True),
    "a header in Latin-1": (answer(b"X: \xe9\xff", TWO), True),
    "no reason": (answer(TWO, line=b"HTTP/1.1 200"), True),
    "an empty reason": (answer(TWO, line=b"HTTP/1.1 200 "), True),
    "a reason of any bytes": (answer(TWO, line=b"HTTP/1.1 200 \0\xc3\xa9"), True),
    "a status nobody knows": (answer(TWO, line=b"HTTP/1.1 999 X"), True),
    "blank lines before it": (b"\r\n\n" + OK, True),
    "a blank line behind it": (OK + b"\r\n", True),
    "close among others": (answer(b"Connection: close, x", TWO), False),
    "close behind others": (answer(b"Connection: x,\tclose", TWO), False),
    "close and keep-alive": (answer(b"Connection: close, keep-alive", TWO), False),
    "close in capitals, blank behind it": (answer(b"Connection: CLOSE ", TWO), False),
    "close in a second header": (
        answer(b"Connection: keep-alive", b"Connection: close", TWO),
        False,
    ),
    "a word that begins like close": (answer(b"Connection: closed", TWO), True),
    "a proxy's close": (answer(b"Proxy-Connection: close", TWO), False),
    "an upgrade on offer": (answer(b"Connection: upgrade", b"Upgrade: h2c", TWO), True),
    "HTTP/1.0": (answer(TWO, line=b"HTTP/1.0 200 OK"), False),
    "HTTP/1.0 kept alive": (answer(b"Connection: keep-alive", TWO, line=b"HTTP/1.0 200 OK"), True),
    "HTTP/1.0 with chunks": (chunks(CODED, line=b"HTTP/1.0 200 OK"), False),
    "HTTP/1.0 with chunks, kept alive": (
        chunks(CODED, b"Connection: keep-alive", line=b"HTTP/1.0 200 OK"),
        False,
    ),
    "relatives of HTTP/1.0 that llhttp knows": (answer(TWO, line=b"RTSP/1.0 200 OK"), False),
    "an interim answer with a length": (b"HTTP/1.1 100 C\r\nContent-Length: 5\r\n\r\n" + OK, True),
    "an interim answer with chunks": (b"HTTP/1.1 102 P\r\n%s\r\n\r\n" % CODED + OK, True),
    "an interim answer nobody knows": (b"HTTP/1.1 199 What\r\n\r\n" + OK, True),
    "two interim answers": (b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\n" + OK, True),
    "a second answer behind it": (OK + OK, False),
    "something behind it": (OK + b"!", False),
    "something behind it and close": (answer(b"Connection: close", TWO, body=b"ok!"), False),
    "unencoded, in as many words": (answer(b"Content-Encoding: Identity ", TWO), True),
    "unencoded, in no words": (answer(b"Content-Encoding:", TWO), True),
}


NO_BODY = {
    # A method and an answer to it without a body; and whether its connection may be used again.
    "204": ("POST", b"HTTP/1.1 204 N\r\n\r\n", True),
    "204 with a length and no body": ("POST", b"HTTP/1.1 204 N\r\nContent-Length: 2\r\n\r\n", True),
    "204 with a body": ("POST", answer(TWO, line=b"HTTP/1.1 204 N"), False),
    "204 with chunks": ("POST", chunks(CODED, line=b"HTTP/1.1 204 N"), False),
    "204 of something compressed": ("GET", b"HTTP/1.1 204 N\r\nContent-Encoding: br\r\n\r\n", True),
    "304 with a length": ("GET", b"HTTP/1.1 304 N\r\nContent-Length: 2\r\n\r\n", True),
    "304 with a body": ("GET", answer(TWO, line=b"HTTP/1.1 304 N"), False),
    "a length of nothing": ("GET", answer(b"Content-Length: 0", body=b""), True),
    "HEAD": ("HEAD", answer(TWO, body=b""), False),
    "HEAD with chunks": ("HEAD", answer(CODED, body=b""), False),
    "HEAD of something compressed": ("HEAD", answer(b"Content-Encoding: gzip", body=b""), False),
    "HEAD with a body": ("HEAD", answer(TWO), False),
    "CONNECT": ("CONNECT", answer(TWO, body=b""), True),
    "CONNECT with something behind it": ("CONNECT", answer(), False),
    "CONNECT with a body": ("CONNECT", answer(TWO), False),
    "CONNECT with chunks": ("CONNECT", chunks(CODED), False),
    "CONNECT with what are no chunks": ("CONNECT", answer(CODED), False),
}


BAD_HEADS = {
    "a negative length": answer(b"Content-Length: -1"),
    "a length with a plus": answer(b"Content-Length: +2"),
    "a length in hexadecimal": answer(b"Content-Length: 0x2"),
    "a length that no counter holds": answer(b"Content-Length: 18446744073709551616"),
    "a length with something behind it": answer(b"Content-Length: 2 2"),
    "a list of lengths": answer(b"Content-Length: 2, 2"),
    "a length without a number": answer(b"Content-Length:"),
    "a length twice": answer(TWO, TWO),
    "two lengths": answer(TWO, b"Content-Length: 3"),
    "a length and chunks": chunks(TWO, CODED),
    "chunks and a length": chunks(CODED, TWO),
    "chunked twice": chunks(b"Transfer-Encoding: chunked, chunked"),
    "chunked twice, in two headers": chunks(CODED, CODED),
    "a coding before chunked": chunks(b"Transfer-Encoding: gzip, chunked"),
    "a coding before chunked, in two headers": chunks(b"Transfer-Encoding: gzip", CODED),
    "a coding behind chunked, in two headers": chunks(CODED, b"Transfer-Encoding: gzip"),
    "identity behind chunked": chunks(CODED, b"Transfer-Encoding: identity"),
    "identity as a coding": answer(b"Transfer-Encoding: identity"),
    "no coding": answer(b"Transfer-Encoding:"),
    "nearly chunked": chunks(b"Transfer-Encoding: xchunked"),
    "chunked with a parameter": chunks(b"Transfer-Encoding: chunked;q=1"),
    "chunked with a control character": chunks(b"Transfer-Encoding: \x0bchunked"),
    "a blank in a name": answer(b"X Y: 1", TWO),
    "a blank behind a name": answer(b"Content-Length : 2"),
    "a blank before the first name": answer(b" X: 1", TWO),
    "no name": answer(b": 1", TWO),
    "no colon": answer(b"X", TWO),
    "a folded header": answer(b"X: a\r\n b", TWO),
    "a folded length": answer(b"Content-Length:\r\n 2"),
    "NUL in a name": answer(b"X\0: 1", TWO),
    "NUL in a value": answer(b"X: a\0b", TWO),
    "a control character in a value": answer(b"X: a\x01b", TWO),
    "LF for CRLF": answer(b"X: 1", TWO).replace(b"\r\n", b"\n"),
    "LF behind the status": b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok",
    "LF behind a header": answer(b"X: 1\nContent-Length: 2"),
    "CR in a value": answer(b"X: a\rb", TWO),
    "CR behind a header": answer(b"X: 1\rContent-Length: 2"),
    "CR CR at the end": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\r\nok",
    "small letters": answer(TWO, line=b"http/1.1 200 OK"),
    "a blank before it": b" " + OK,
    "two blanks": answer(TWO, line=b"HTTP/1.1  200 OK"),
    "status 000": answer(TWO, line=b"HTTP/1.1 000 X"),
    "status 099": answer(TWO, line=b"HTTP/1.1 099 X"),
    "status 99": answer(TWO, line=b"HTTP/1.1 99 X"),
    "status 1000": answer(TWO, line=b"HTTP/1.1 1000 X"),
    "status -20": answer(TWO, line=b"HTTP/1.1 -20 X"),
    "status 2x0": answer(TWO, line=b"HTTP/1.1 2x0 X"),
    "HTTP/0.9": answer(TWO, line=b"HTTP/0.9 200 OK"),
    "HTTP/1.2": answer(TWO, line=b"HTTP/1.2 200 OK"),
    "HTTP/1.10": answer(TWO, line=b"HTTP/1.10 200 OK"),
    "HTTP/2.0": answer(TWO, line=b"HTTP/2.0 200 OK"),
    "switched protocols": answer(b"Connection: upgrade", b"Upgrade: x", line=b"HTTP/1.1 101 S"),
    "switched protocols without a word": answer(line=b"HTTP/1.1 101 S"),
    "an interim answer that closes": b"HTTP/1.1 100 C\r\nConnection: close\r\n\r\n" + OK,
    "an interim answer in HTTP/1.0": b"HTTP/1.0 100 C\r\n\r\n" + OK,
    "another protocol": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "HTTP/2": b"\0\0\x12\x04\0\0\0\0\0",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
}


BAD_BODIES = {
    "a chunk size with a plus": b"+2\r\nok\r\n" + END,
    "a negative chunk size": b"-2\r\nok\r\n" + END,
    "a chunk size with 0x": b"0x2\r\nok\r\n" + END,
    "a chunk size with a blank behind it": b"2 \r\nok\r\n" + END,
    "a chunk size with a blank before it": b" 2\r\nok\r\n" + END,
    "a chunk size that no counter holds": b"1FFFFFFFFFFFFFFFF\r\nok",
    "no chunk size": b"\r\nok\r\n" + END,
    "LF for CRLF in chunks": b"2\nok\n0\n\n",
    "LF behind an extension": b"2;a\nok\r\n" + END,
    "NUL in an extension": b"2;a\0b\r\nok\r\n" + END,
    "nothing between chunks": b"0;\0",
    "a trailer with a blank in its name": b"0\r\nX Y: 1\r\n\r\n",
    "a length for a trailer": b"0\r\nContent-Length: 2\r\n\r\n",
}

STRICTER = frozenset(
    {
        # httpx's own transport takes these for answers. No provider sends one; and the first who
        # reads a length or an end of line otherwise than the next is who can be lied to.
        "a length twice",
        "a list of lengths",
        "a length and chunks",
        "chunks and a length",
        "a folded header",
        "a folded length",
        "a control character in a value",
        "LF for CRLF",
        "LF behind the status",
        "LF behind a header",
        "HTTP/0.9",
        "HTTP/1.2",
        "HTTP/2.0",
        "an interim answer that closes",
        "an interim answer in HTTP/1.0",
        "a chunk size with a blank behind it",
        "NUL in an extension",
        "a length for a trailer",
    }
)

MILDER = frozenset(
    {
        # httpx's own transport refuses these. What they say is not in doubt.
        "chunk sizes with leading zeros",
        "a reason of any bytes",
        "blank lines before it",
        "relatives of HTTP/1.0 that llhttp knows",
    }
)
