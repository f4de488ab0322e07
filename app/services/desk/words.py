"""Which words are everyday English, and which capitalised ones say nothing about anybody."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

# Capitalised by habit; none of them is a fact. Genres are taste, not names; roles are how contracts write "the Artist".
GENRES = frozenset(
    """
    techno house trance dubstep dub drum bass jungle garage grime ambient electronica electronic idm electro synthwave
    darkwave vaporwave chillwave shoegaze indie folk rock pop punk emo metal hardcore grunge blues soul funk disco jazz bebop
    swing gospel rnb r&b hip-hop hiphop rap trap drill boom-bap lofi lo-fi reggae reggaeton ska dancehall afrobeat afrobeats
    amapiano salsa bachata cumbia samba bossa nova fado flamenco tango country americana bluegrass classical neoclassical
    neo-classical baroque minimal acid industrial hyperpop k-pop j-pop c-pop edm dnb dance breakbeat downtempo trip-hop
    baile gqom kuduro footwork juke schlager chanson bolero merengue soca calypso klezmer
    post-punk post-rock krautrock psychedelic singer-songwriter acoustic orchestral latin highlife
    """.split()
)
GENERIC = frozenset(
    """
    i i'm i've i'd i'll ok ep eps lp lps dj djs mc mcs a&r pr cv q&a faq tv diy ai cd cds dvd usb pdf wav mp3 mp4 flac aiff
    midi vst daw bpm db hz khz isrc iswc upc ean epk epks rsvp tbc tbd tba vat url fyi asap re cc bcc ps am pm mr mrs ms dr
    artist artists producer producers songwriter songwriters manager managers label labels publisher publishers client clients
    party parties company agreement contract schedule term territory project track tracks single singles album albums song songs
    title titles master masters mix mixes mixing mastering production recording recordings stems demo demos remix remixes
    deliverables deliverable services service fee fees deposit royalty royalties advance quote proposal scope budget total
    subtotal payment terms timeline revisions revision notes contact contacts press release biography bio pitch link links
    subject dear hello hi hey greetings regards sincerely cheers best thanks thank yours editor editors team curator curators
    sir madam everyone folks verse chorus bridge intro outro hook pre-chorus refrain hookline playlist playlists music genre
    mood opinion summary overview background about listen sounds soundcloud's sincerely, faithfully kind warm wishes
    """.split()
) - {"soundcloud's", "sincerely,"}
# With these a sentence begins; a name may begin behind them.
FUNCTION = frozenset(
    """
    a an the and or but nor so yet for of in on at by to from with without within into onto over under between among about after
    before since until during while when where who whom whose which what why how if unless although though because as than that
    this these those there here my your his her its our their we you he she it they i me us them not no yes all both each every
    either neither some any many much more most few several such only just also even then now once again still already never
    always often sometimes today tomorrow yesterday tonight meanwhile however therefore moreover instead finally together
    recently currently previously originally
    """.split()
)
CONNECTORS = frozenset(
    "of the de la le les du des da do dos das di del della van von der den und y e el al bin ibn zu &".split()
)
SEPARATORS = frozenset("and & x + with feat feat. ft ft. featuring vs vs. versus meets of from the".split())

_DEMONYMS = """
american:usa,us,united states,america british:uk,united kingdom,britain,great britain english:england,english scottish:scotland
welsh:wales irish:ireland french:france german:germany dutch:netherlands,holland belgian:belgium swiss:switzerland
austrian:austria italian:italy spanish:spain portuguese:portugal swedish:sweden norwegian:norway danish:denmark
finnish:finland icelandic:iceland polish:poland czech:czechia,czech republic slovak:slovakia hungarian:hungary
romanian:romania bulgarian:bulgaria greek:greece turkish:turkey russian:russia ukrainian:ukraine estonian:estonia
latvian:latvia lithuanian:lithuania croatian:croatia serbian:serbia slovenian:slovenia canadian:canada australian:australia
mexican:mexico brazilian:brazil argentinian:argentina argentine:argentina chilean:chile colombian:colombia cuban:cuba
jamaican:jamaica nigerian:nigeria ghanaian:ghana kenyan:kenya ethiopian:ethiopia egyptian:egypt moroccan:morocco
israeli:israel lebanese:lebanon iranian:iran indian:india pakistani:pakistan chinese:china japanese:japan korean:korea,south
korea thai:thailand vietnamese:vietnam indonesian:indonesia filipino:philippines european:europe african:africa asian:asia
"""


def _demonyms() -> dict[str, tuple[str, ...]]:
    pairs = re.findall(r"(\w+):([^:]+?)(?=\s+\w+:|\s*$)", _DEMONYMS)
    return {name: tuple(" ".join(one.split()) for one in places.split(",")) for name, places in pairs}


DEMONYMS = _demonyms()


@lru_cache(maxsize=1)
def everyday() -> frozenset[str]:
    """About 41 000 lower-case words of English, American and British spelling."""
    lines = (Path(__file__).parent / "words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@lru_cache(maxsize=4096)
def is_everyday(word: str) -> bool:
    """Whether a word, in whatever capitals, is one of everyday English or made of such ones ("lo-fi", "home-made", "isn't")."""
    lower = re.sub(r"[’']", "'", word.lower()).strip(".-'")
    lower = re.sub(r"'(?:s|re|ve|ll|d|m|t)$|n't$|'$", "", lower)
    if not lower or lower in FUNCTION or lower in GENRES or lower in GENERIC:
        return True
    if "-" in lower:
        return all(is_everyday(part) for part in lower.split("-"))
    if lower in everyday() or (len(lower) == 1 and lower in "aio"):
        return True
    endings = (
        ("ies", "y"),
        ("es", ""),
        ("s", ""),
        ("ed", ""),
        ("ed", "e"),
        ("ing", ""),
        ("ing", "e"),
        ("ly", ""),
        ("er", ""),
    )
    prefixes = ("un", "re", "pre", "non", "over", "under", "out", "mid", "self", "co")
    return any(lower.endswith(end) and lower[: -len(end)] + more in everyday() for end, more in endings) or any(
        lower.startswith(one) and len(lower) > len(one) + 2 and lower[len(one) :] in everyday() for one in prefixes
    )


def plain(text: str) -> str:
    """Lower case without accents, each word by itself: hyphens part words, apostrophes and possessives go."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))
    bare = re.sub(r"[’'`´]s\b|(?<=s)[’'](?!\w)", "", bare)
    bare = re.sub(r"[’'`´]", "", bare)
    bare = re.sub(r"(?<=\b\w)\.(?=\s?\w\b)|(?<=\b\w)\.(?=\s\w)", "", bare)  # J. S. Bach, U.K.
    bare = re.sub(r"[.!?;:\n\r|]+(?=\s|$)", " | ", bare)
    return " ".join(re.sub(r"[^\w&|+]+|_", " ", bare).split())
