"""The formats of the specification as regular languages: every validator accepts what they accept.

If RFCs and validators differ, the narrower reading is used: no leap seconds, no year 0, no international names
(an ASCII e-mail address, host name or URI is also a valid international one), host names without encoded (`xn--`) labels.
"""

from functools import cache

from promptweave.compiler.regex.dfa import Dfa
from promptweave.compiler.regex.ecma_to_dfa import pattern_dfa

_MONTH_DAY = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
# RFC 3339, section 5.6.
_DATE = f"(?:[0-9]{{4}}-{_MONTH_DAY}|{_LEAP_YEAR}-02-29)"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
# RFC 3339, appendix A.
_N = "[0-9]{1,9}"
_DURATION_TIME = f"T(?:{_N}H(?:{_N}M(?:{_N}S)?)?|{_N}M(?:{_N}S)?|{_N}S)"
_DURATION_DATE = f"(?:{_N}D|{_N}M(?:{_N}D)?|{_N}Y(?:{_N}M(?:{_N}D)?)?)"
_DURATION = f"P(?:{_DURATION_DATE}(?:{_DURATION_TIME})?|{_DURATION_TIME}|{_N}W)"
# RFC 4122, section 3.
_UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
# RFC 2673, section 3.2.
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = f"{_BYTE}(?:\\.{_BYTE}){{3}}"
# RFC 4291, section 2.2.
_H = "[0-9A-Fa-f]{1,4}"
_TAIL = f"(?:{_H}:{_H}|{_IPV4})"
_IPV6 = (
    "(?:"
    + "|".join(
        [
            f"(?:{_H}:){{6}}{_TAIL}",
            f"::(?:{_H}:){{5}}{_TAIL}",
            f"(?:{_H})?::(?:{_H}:){{4}}{_TAIL}",
            f"(?:(?:{_H}:){{0,1}}{_H})?::(?:{_H}:){{3}}{_TAIL}",
            f"(?:(?:{_H}:){{0,2}}{_H})?::(?:{_H}:){{2}}{_TAIL}",
            f"(?:(?:{_H}:){{0,3}}{_H})?::{_H}:{_TAIL}",
            f"(?:(?:{_H}:){{0,4}}{_H})?::{_TAIL}",
            f"(?:(?:{_H}:){{0,5}}{_H})?::{_H}",
            f"(?:(?:{_H}:){{0,6}}{_H})?::",
        ]
    )
    + ")"
)
# RFC 1123, section 2.1: labels of up to 63 characters, 253 in total. An automaton that counts both is huge, so either
# the number of labels or their length is limited further.
_LABEL_63 = "[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?"
_LABEL_20 = "[0-9A-Za-z](?:[0-9A-Za-z-]{0,18}[0-9A-Za-z])?"
_NOT_ENCODED = "(?!(?:.*\\.)?..--)"
_HOSTNAME = f"{_NOT_ENCODED}(?:{_LABEL_63}(?:\\.{_LABEL_63}){{0,2}}|{_LABEL_20}(?:\\.{_LABEL_20}){{0,11}})"
# RFC 5321, section 4.1.2: the dot-atom form.
_ATOM = "[0-9A-Za-z!#$%&'*+/=?^_`{|}~-]"
_EMAIL = f"(?=[^@]{{1,64}}@){_ATOM}+(?:\\.{_ATOM}+)*@{_LABEL_20}(?:\\.{_LABEL_20}){{0,7}}"
# RFC 3986, appendix A.
_ENCODED = "%[0-9A-Fa-f]{2}"
_PCHAR = f"(?:[0-9A-Za-z._~!$&'()*+,;=:@-]|{_ENCODED})"
_SEGMENT_NO_COLON = f"(?:[0-9A-Za-z._~!$&'()*+,;=@-]|{_ENCODED})+"
_PATH_ABEMPTY = f"(?:/{_PCHAR}*)*"
_REG_NAME = f"(?:[0-9A-Za-z._~!$&'()*+,;=-]|{_ENCODED})*"
_AUTHORITY = f"(?:(?:[0-9A-Za-z._~!$&'()*+,;=:-]|{_ENCODED})*@)?(?:\\[{_IPV6}\\]|{_REG_NAME})(?::[0-9]{{0,5}})?"
_QUERY = f"(?:\\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?"
_PATH_ABSOLUTE = f"/(?:{_PCHAR}+{_PATH_ABEMPTY})?"
_URI = f"[A-Za-z][0-9A-Za-z+.-]*:(?://{_AUTHORITY}{_PATH_ABEMPTY}|{_PATH_ABSOLUTE}|{_PCHAR}+{_PATH_ABEMPTY}|){_QUERY}"
_RELATIVE = f"(?://{_AUTHORITY}{_PATH_ABEMPTY}|{_PATH_ABSOLUTE}|{_SEGMENT_NO_COLON}{_PATH_ABEMPTY}|){_QUERY}"
# RFC 6901 and the draft on relative pointers.
_JSON_POINTER = "(?:/(?:[^~/]|~[01])*)*"
# The checker of Python's jsonschema treats any zero before a digit as a leading zero; the official test suite does not.
_RELATIVE_JSON_POINTER = f"(?:0|[1-9][0-9]{{0,8}})(?:#|{_JSON_POINTER})"
# RFC 6570: literals, and expressions of names.
# Names consist of letters, digits and `_`: checkers disagree on dots and escapes in them.
_VARIABLE = "[A-Za-z][0-9A-Za-z_]*(?:\\*|:[1-9][0-9]{0,3})?"
_URI_TEMPLATE = f"(?:[0-9A-Za-z._~!$&()*+,;=:@/?#\\[\\]-]|{_ENCODED}|\\{{[+#./;?&]?{_VARIABLE}(?:,{_VARIABLE})*\\}})*"

_PATTERNS = {
    "date": f"(?!0000){_DATE}",
    "time": _TIME,
    "date-time": f"(?!0000){_DATE}[Tt]{_TIME}",
    "duration": _DURATION,
    "uuid": _UUID,
    "ipv4": _IPV4,
    "ipv6": _IPV6,
    "hostname": _HOSTNAME,
    "idn-hostname": _HOSTNAME,
    "email": _EMAIL,
    "idn-email": _EMAIL,
    "uri": _URI,
    "iri": _URI,
    "uri-reference": f"(?:{_URI}|{_RELATIVE})",
    "iri-reference": f"(?:{_URI}|{_RELATIVE})",
    "uri-template": _URI_TEMPLATE,
    "json-pointer": _JSON_POINTER,
    "relative-json-pointer": _RELATIVE_JSON_POINTER,
}

FORMATS = frozenset(_PATTERNS)
"""The formats that are enforced."""


@cache
def format_dfa(name: str) -> Dfa:
    """Return the texts of a format."""
    return pattern_dfa(f"^(?:{_PATTERNS[name]})$")
