"""Documents that parsers read differently, documents that they must read alike, and as many more as Hypothesis draws."""

import json
from typing import Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

REFUSED: Final[dict[str, bytes]] = {
    "the same key twice": b'{"plan":"team_pro","plan":"enterprise"}',
    "the same key twice, once escaped": rb'{"plan":1,"pl\u0061n":2}',
    "the same key twice, deep down": b'{"a":[{"b":{"c":1,"c":2}}]}',
    "keys that differ in case": b'{"plan":"team_pro","Plan":"enterprise"}',
    "keys that differ in case, once escaped": rb'{"plan":1,"\u0050lan":2}',
    "k and the Kelvin sign": '{"k":1,"\u212a":2}'.encode(),
    "s and the long s": '{"s":1,"\u017f":2}'.encode(),
    "a sharp s and two": '{"stra\u00dfe":1,"STRASSE":2}'.encode(),
    "sigmas": '{"\u03c3":1,"\u03c2":2}'.encode(),
    "empty keys": b'{"":1,"":2}',
    "a lone high surrogate": rb'{"a":"\ud800"}',
    "a lone low surrogate": rb'{"a":"\udc00"}',
    "surrogates the wrong way round": rb'{"a":"\udc00\ud800"}',
    "a lone surrogate before text": rb'["\ud83dx"]',
    "a lone surrogate in a key": rb'{"\ud800":1}',
    "a surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "an overlong NUL": b'{"a":"\xc0\x80"}',
    "a byte that is no UTF-8": b'{"a":"\xff"}',
    "half a character": b'{"a":"\xe2\x82"}',
    "beyond Unicode": b'{"a":"\xf4\x90\x80\x80"}',
    "UTF-16": '{"a":1}'.encode("utf-16-le"),
    "a byte-order mark": b'\xef\xbb\xbf{"a":1}',
    "23 digits": b'{"a":12345678901234567890123}',
    "2^53 + 1": b"[9007199254740993]",
    "-2^53 - 1": b"[-9007199254740993]",
    "2^53 + 1 as a decimal": b"[9007199254740993.0]",
    "2^64": b"[18446744073709551616]",
    "a thousand digits": b"[" + b"1" * 1_000 + b"]",
    "an exponent of ten digits": b'{"a":1e-1000000000}',
    "an exponent that is infinite": b"[1e400]",
    "an exponent that vanishes": b"[1e-400]",
    "a large exponent": b"[1e31]",
    "a large exponent of nothing": b"[0e999999999]",
    "a denormal": b"[5e-324]",
    "more digits than a double has": b"[0.12345678901234567890]",
    "17 digits of which a double keeps fewer": b"[0.12345678901234567]",
    "a tenth in 17 digits": b"[0.10000000000000001]",
    "a zero with a sign": b'{"a":-0}',
    "a decimal zero with a sign": b"[-0.0]",
    "a vanishing zero with a sign": b"[-0e1]",
    "NaN": b"[NaN]",
    "an infinity": b"[Infinity]",
    "the other infinity": b"[-Infinity]",
    "33 levels of arrays": b"[" * 33 + b"]" * 33,
    "33 levels of objects": b'{"a":' * 33 + b"1" + b"}" * 33,
    "a hundred thousand levels": b"[" * 100_000,
    "an escaped NUL": rb'{"a":"x\u0000y"}',
    "an escaped NUL in a key": rb'{"\u0000":1}',
    "a NUL": b'{"a":"x\x00y"}',
    "a NUL at the end": b"{}\x00",
    "a line break in a string": b'["a\nb"]',
    "a tab in a string": b'["a\tb"]',
    "an escape that is none": rb'["\x41"]',
    "half an escape": rb'["\u12"]',
    "an escape with a sign": rb'["\u+123"]',
    "an escape with a space": rb'["\u 123"]',
    "an escape in other digits": '["\\u066\u0661"]'.encode(),
    "single quotes": b"{'a':1}",
    "a key without quotes": b"{a:1}",
    "a comma too many": b'{"a":1,}',
    "a comma too many in an array": b"[1,]",
    "a comma too few": b"[1 2]",
    "a comment": b'{"a":1/*,"a":2*/}',
    "a comment to the end": b'{"a":1} // and so on',
    "two documents": b'{"a":1}{"a":2}',
    "something after it": b'{"a":1} x',
    "nothing": b"",
    "only space": b" \n",
    "a zero in front": b"[01]",
    "a plus in front": b"[+1]",
    "no digit in front": b"[.5]",
    "no digit behind": b"[1.]",
    "an exponent of nothing": b"[1e]",
    "a hexadecimal number": b"[0x10]",
    "an underscore": b"[1_000]",
    "other digits": "[1\u0662]".encode(),
    "True": b"[True]",
    "a word cut short": b"[tru]",
    "an unbroken space": "[1,\u00a02]".encode(),
    "a vertical tab between": b"[1,\x0b2]",
    "an open string": b'["a',
    "an open array": b"[1",
}
ADMITTED: Final[dict[str, bytes]] = {
    "an empty object": b"{}",
    "an empty array": b"[]",
    "words": b"[true,false,null]",
    "a plain payload": b'{"account":"team-12","plan":"team_pro","seats":12,"amount_micros":99000000}',
    "2^53": b"[9007199254740992,-9007199254740992]",
    "decimals": b"[0.1,0.2,0.30000000000000004,1.5,-2.25,99.99,123456.789]",
    "17 digits": b"[0.30000000000000004,5.684341886080802e-14,100.10000000000001]",
    "exponents": b"[1e0,1E2,1e+3,15e-1,1e-30,4.9e-29,123e12]",
    "integers spelt as decimals": b"[1.0,100.0,1e2,0.0,0e0]",
    "zeros": b"[0,0.0,0e5,0.000]",
    "every short escape": rb'["\"\\\/\b\f\n\r\t"]',
    "an escaped pair": rb'["\ud83d\ude00\uD83D\uDE00"]',
    "the same, unescaped": '["\U0001f600"]'.encode(),
    "line separators": '["\u2028\u2029"]'.encode(),
    "escaped line separators": rb'["\u2028\u2029"]',
    "a delete": b'["\x7f"]',
    "escaped controls": rb'["\u0001\u001f\u007f\u0085"]',
    "a mark inside": '["\ufeffa"]'.encode(),
    "no characters": '["\ufffe\uffff\U0001ffff"]'.encode(),
    "the replacement character": '["\ufffd"]'.encode(),
    "two spellings of one letter": '{"\u00e9":1,"e\u0301":2}'.encode(),
    "names of a prototype": b'{"__proto__":{"a":1},"constructor":2,"toString":3,"hasOwnProperty":4}',
    "keys like numbers": b'{"2":1,"10":2,"1":3,"-1":4,"01":5}',
    "an empty key": b'{"":{"":[]}}',
    "keys with dots": b'{"a.b":1,"a":{"b":2},"a/b":3,"a~b":4}',
    "32 levels": b"[" * 32 + b"]" * 32,
    "32 levels of objects": b'{"a":' * 31 + b'{"b":1}' + b"}" * 31,
    "brackets in strings": b'["[[[[{{{{\\"]]]"]',
    "all kinds of space": b' \t\r\n{ "a" \n:\t[ 1 ,\r2 ] } \n',
    "a long string": b'["' + b"x" * 10_000 + b'"]',
    "many keys": json.dumps({f"k{number}": number for number in range(500)}).encode(),
    "markup": b'["<script>&amp;</script>"]',
    "a bare string": b'"text"',
    "a bare number": b"42",
}

_words = st.sampled_from(["a", "A", "plan", "Plan", "k", "\u212a", "\u00e9", "e\u0301", "", "__proto__", "\u0130", "i", "\u0131", "\u2028", "\U0001f600"])
_texts = st.one_of(_words, st.text(max_size=8))
_well_spelt = st.sampled_from([b"0", b"-1", b"9007199254740992", b"0.1", b"1e2", b"1E-30", b"1.0", b"12345678.125", b"1e-7", b"0.30000000000000004"])
_odd = st.sampled_from([b"-0", b"9007199254740993", b"1e31", b"-0.0", b"5e-324", b"0.10000000000000001", b"01"])
_integers, _floats = st.integers(-(2**53), 2**53).map(str), st.floats(-(2.0**53), 2.0**53).map(repr)
_good = st.one_of(_well_spelt, _integers.map(str.encode), _floats.map(str.encode))
_numbers = st.integers(0, 15).flatmap(lambda drawn: _odd if drawn == 15 else _good)
_space = st.sampled_from([b"", b"", b"", b" ", b"\n", b"\t "])


def _spell(text: str, how: int) -> bytes:
    """One of the ways to write a string."""
    return json.dumps(text, ensure_ascii=how % 2 == 0).replace("/", "\\/" if how % 3 == 0 else "/").encode("utf-8", "surrogatepass")


_strings = st.builds(_spell, _texts, st.integers(0, 5))


def _array(items: list[bytes], space: bytes) -> bytes:
    return b"[" + (b"," + space).join(items) + space + b"]"


def _object(pairs: list[tuple[bytes, bytes]], space: bytes) -> bytes:
    return b"{" + space + b",".join(key + space + b":" + item for key, item in pairs) + b"}"


_written = st.recursive(
    st.one_of(_strings, _numbers, st.sampled_from([b"true", b"false", b"null"])),
    lambda inner: st.one_of(
        st.builds(_array, st.lists(inner, max_size=4), _space), st.builds(_object, st.lists(st.tuples(_strings, inner), max_size=4), _space)
    ),
    max_leaves=12,
)
_damage = st.tuples(st.integers(0, 1_000), st.sampled_from([b"", b"\\", b'"', b"0", b"e", b"-", b".", b"\x00", b"\xff", b"\xc3", b",", b"{", b"]", b"\\ud800"]))


def _damaged(document: bytes, where: tuple[int, bytes]) -> bytes:
    place = where[0] % (len(document) + 1)
    return document[:place] + where[1] + document[place + (where[0] % 2) :]


DOCUMENTS: Final = st.one_of(_written, _written, st.builds(_damaged, _written, _damage))


def drawn(count: int, *, seeded: int) -> list[bytes]:
    """`count` documents; the same seed draws the same ones."""
    found: list[bytes] = []

    @seed(seeded)
    @settings(max_examples=count, database=None, deadline=None, phases=(Phase.generate,), suppress_health_check=[*HealthCheck])
    @given(DOCUMENTS)
    def keep(document: bytes) -> None:
        found.append(document)

    keep()
    return found[:count]
