"""Messages that need no look-up whatever a model thinks of them: small talk, and text that was pasted to be worked on."""

from __future__ import annotations

import re

_SMALL_TALK = re.compile(
    r"^\W*((hi|hello|hey|yo|hiya|good (morning|afternoon|evening|day|night)|greetings|(many )?thanks?( you)?( (so|very) much)?|thx|"
    r"ty|cheers|bye|goodbye|see you|ok(ay)?|great|cool|nice|perfect|awesome|wonderful|got it|how are you( doing)?( today)?|"
    r"how's it going|what'?s up|who are you|what can you do|what are you|how do you work|can you help( me)?|help|test(ing)?|there|"
    r"again|a lot|everyone|ai|manager|for (your|the) help|that (helps|helped)( a lot)?|much appreciated|tomorrow|for today)\W*)+$",
    re.IGNORECASE,
)
_WRITING = re.compile(
    r"\b(draft|write|rewrite|rephrase|reword|polish|proof-?read|edit|shorten|translate|improve|tighten|rhyme|finish|feedback on|"
    r"stronger|better)\b",
    re.IGNORECASE,
)
_PIECE = re.compile(
    r"\b(bio|biography|chorus|verse|bridge|hook|lyrics?|caption|e-?mail|press release|post|tweet|newsletter|slogan|tagline|poem|line|"
    r"rhyme|paragraph|text|message|thank[- ]you note)s?\b",
    re.IGNORECASE,
)
_PASTED = re.compile(r"\n\s*\S.*\n\s*\S|[\"“”][^\"“”]{60,}[\"“”]")
_LYRIC_LINES, _LYRIC_WIDTH = 4, 90  # so many lines, none longer, and no question: somebody pasted a text


def direct_reason(message: str) -> str | None:
    """Why `message` is answered without sources, or None where that has to be found out."""
    if _SMALL_TALK.match(message.strip()):
        return "small talk"
    if _WRITING.search(message) and _PIECE.search(message) and _PASTED.search(message):
        return "work on pasted text"
    lines = [line for line in message.splitlines() if line.strip()]
    if len(lines) >= _LYRIC_LINES and "?" not in message and max(map(len, lines)) < _LYRIC_WIDTH:
        return "pasted lyrics or text"
    return None
