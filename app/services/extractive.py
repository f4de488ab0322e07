"""The answer when there is no language model: the sources' own best sentences, each with its citation, and said to be that."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from app.indexes.embeddings import Dense
from app.models import KB, Intent
from app.retrievers.naming import Titled, named
from app.retrievers.wording import words
from app.services.excerpts import excerpt, paragraph, rarities, section, sentences
from app.services.prompts import Source

SENTENCE_CHARS = 420
# Sentences quoted of each kb, by intent: a fact from one's own papers needs little general text beside it.
# Of industry knowledge it is the passages whose best paragraph is quoted.
SENTENCES: dict[Intent, dict[KB, int]] = {
    "personal": {"personal": 3, "global": 1},
    "global": {"personal": 0, "global": 4},
    "hybrid": {"personal": 2, "global": 3},
}
PASSAGES = 8  # of each kb: as many as a prompt holds
MEANING_WEIGHT = 0.6  # against shared words; the split that fusion uses for dense and sparse
HEADING_WEIGHT = 0.3  # for a clause whose heading is what was asked
UNFINISHED = 0.15  # off for a sentence that only leads to a list
_HEADING = re.compile(
    r"(?:(?:section|article|clause)\s+)?(?:[\dA-Za-z]{1,4}(?:\.\d+)*[.)]\s*){0,4}([A-Z][^.:;]{2,60})[.:]\s",
    re.IGNORECASE,
)
NAME_CHARS = 5  # a shorter beginning of a title's word is chance
RELEVANCE_WEIGHT = 0.3  # for what the second pass says of the whole passage
PARAGRAPH_CHARS = (
    520  # most paragraphs whole; 82 % of answers hold the sentence so, 75 % with 420 (benchmarks/own_words.py)
)
HEADING_CHARS = 90
OUTLINE = 5  # passages of one guide
ITSELF = 1 / 3  # of the question in a heading: that passage is the answer, and the others are beside it
FAR_BELOW = 0.5  # of the best
NEAR_BEST = 0.72  # of the best sentence's score: what is further off is noise

HEADLINE: dict[KB, str] = {"personal": "From your documents:", "global": "From industry knowledge:"}


def candidates(question: str, sources: Sequence[Source]) -> list[tuple[Source, str]]:
    """Sentences of the first passages of each kb, each an exact substring of its passage; long ones cut to what was asked."""
    places: dict[KB, int] = {"personal": PASSAGES, "global": PASSAGES}
    found: list[tuple[Source, str]] = []
    for source in sources:
        if places[source.passage.kb] == 0:
            continue
        places[source.passage.kb] -= 1
        text = source.passage.chunk.text
        found += [(source, _fitting(question, sentence)) for sentence in sentences(text) or [text.strip()]]
    return found


def clause_heading(sentence: str) -> str:
    """The heading a contract's clause begins with, such as "Governing Law" in "H. Governing Law. Agreement shall ..."."""
    found = _HEADING.match(sentence)
    return found.group(1) if found else ""


def without_titles(question: str, sources: Sequence[Source]) -> str:
    """The question without the words that name a document, so that "the term of the Tidewater deal" looks for a term;
    unchanged when nothing else would be left. Titles that only share words with the question stay out of it: what a guide
    to "commission and term" is about may be what was asked.
    """
    documents = {source.passage.document.id: source.passage.document.title for source in sources}
    called = named(question, (Titled(*row) for row in documents.items()))
    titles = set().union(*(words(documents[one]) for one in called))
    # A file name runs words together: "TEARDROPGOLFCO" is named by "Teardrop".
    names = {
        word
        for word in words(question)
        if word in titles or (len(word) >= NAME_CHARS and any(title.startswith(word) for title in titles))
    }
    if not words(question) - names:
        return question
    return " ".join(word for word in question.split() if not (own := words(word)) or own - names)


def compose(
    question: str,
    found: Sequence[tuple[Source, str]],
    asked: Dense | None = None,
    meanings: Sequence[Dense] | None = None,
    intent: Intent = "hybrid",
    *,
    broad: bool = False,
) -> str:
    """What answers best of each kb under its headline, so much of each as `intent` needs: of one's own papers sentences, of
    industry knowledge paragraphs, for advice needs its reasons.

    `question` is best given without the words that only name a document (`without_titles`). `asked` and `meanings` are unit
    vectors of the question and of each sentence, where a dense model is there. `broad` is for a question that no single
    passage answers, such as the wish for a plan: then the guide that answers best is gone through in its own order.
    """
    if not found:
        return ""
    scores = _scores(question, [sentence for _, sentence in found], asked, meanings)
    worth = scores + RELEVANCE_WEIGHT * np.array([source.passage.relevance or 0.0 for source, _ in found])
    own = _own_lines(found, worth, intent)
    guides = _guide_lines(question, found, worth, intent, broad)
    parts = {"personal": own, "global": guides}
    return "\n\n".join(f"{HEADLINE[kb]}\n" + "\n".join(parts[kb]) for kb in HEADLINE if parts[kb])


def _own_lines(found: Sequence[tuple[Source, str]], worth: np.ndarray, intent: Intent) -> list[str]:
    """The best sentences of one's own papers, measured by the best of them: general text never crowds them out. Only where
    a question is about both kbs, those are left out that are far below what general text says of it.
    """
    mine = [i for i in np.argsort(-worth, kind="stable") if found[i][0].passage.kb == "personal"]
    general = [float(worth[i]) for i, (source, _) in enumerate(found) if source.passage.kb == "global"]
    if not mine or (intent == "hybrid" and general and worth[mine[0]] < FAR_BELOW * max(general)):
        return []
    best = float(worth[mine[0]])
    lines: list[str] = []
    for i in mine:
        source, sentence = found[i]
        if len(lines) == SENTENCES[intent]["personal"] or worth[i] < min(NEAR_BEST * best, best):  # it may be below 0
            break
        text = source.passage.chunk.text
        quote = paragraph(text, sentence, PARAGRAPH_CHARS) if sentence.rstrip().endswith(":") else sentence
        if not any(_one_line(sentence) in other for other in lines):
            lines.append(_line(_heading(source, section(text, sentence)), quote, source.label))
    return lines


def _guide_lines(
    question: str, found: Sequence[tuple[Source, str]], worth: np.ndarray, intent: Intent, broad: bool
) -> list[str]:
    """The best paragraph of each passage of general text that is near the best one, with its heading."""
    best_of: dict[str, int] = {}  # label of a passage: its best sentence
    for i in np.argsort(-worth, kind="stable"):
        if found[i][0].passage.kb == "global":
            best_of.setdefault(found[i][0].label, int(i))
    if not best_of or not SENTENCES[intent]["global"]:
        return []
    sources = {label: found[i][0] for label, i in best_of.items()}
    heads = {label: _heading(source, _above(source, found[best_of[label]][1])) for label, source in sources.items()}
    said = {label: words(head) for label, head in heads.items()}
    wanted = words(question)
    rarity = rarities(wanted, list(said.values()))
    whole = sum(rarity.values()) or 1.0
    echoed = {label: sum(rarity[word] for word in wanted & said[label]) / whole for label in heads}
    value = {label: float(worth[i]) + HEADING_WEIGHT * echoed[label] for label, i in best_of.items()}
    ranked = sorted(value, key=lambda label: -value[label])
    top = value[ranked[0]]
    chosen = [label for label in ranked if value[label] >= min(NEAR_BEST * top, top)][: SENTENCES[intent]["global"]]
    if broad and intent != "personal":
        chosen = _outline(ranked, chosen, sources)
        if echoed[ranked[0]] >= ITSELF:
            chosen = [ranked[0], *(label for label in chosen if label != ranked[0])]
    lines: list[str] = []
    for label in chosen:
        source, sentence = found[best_of[label]]
        quote = paragraph(source.passage.chunk.text, sentence, PARAGRAPH_CHARS)
        if not any(_one_line(quote) in other for other in lines):
            lines.append(_line(heads[label], quote, label))
    return lines


def _outline(ranked: Sequence[str], chosen: Sequence[str], sources: Mapping[str, Source]) -> list[str]:
    """Passages of the guide that the best one is from, in its own order, then what was chosen of others."""
    guide = sources[ranked[0]].passage.document.id
    same = [label for label in ranked if sources[label].passage.document.id == guide][:OUTLINE]
    same.sort(key=lambda label: sources[label].passage.chunk.number)
    return [*same, *(label for label in chosen if label not in same)]


def _above(source: Source, sentence: str) -> str:
    """The heading of the sentence; before the first one in a passage that of the passage holds."""
    return section(source.passage.chunk.text, sentence) or source.passage.chunk.heading


def _heading(source: Source, heading: str) -> str:
    """The heading as it is shown; nothing where it is the document's own title, which the source names anyway."""
    plain = re.sub(r"[*_`\[\]“”]", "", _one_line(heading)).rstrip(":. ")
    itself = plain.casefold() == source.passage.document.title.casefold()
    return "" if itself or len(plain) > HEADING_CHARS else plain


def _line(heading: str, quote: str, label: str) -> str:
    return f"- **{heading}:** “{_one_line(quote)}” [{label}]" if heading else f"- “{_one_line(quote)}” [{label}]"


def best_line(
    question: str,
    found: Sequence[tuple[Source, str]],
    asked: Dense | None = None,
    meanings: Sequence[Dense] | None = None,
) -> str:
    """The one sentence that answers best, with its label; empty where there is none."""
    if not found:
        return ""
    source, sentence = found[int(np.argmax(_scores(question, [text for _, text in found], asked, meanings)))]
    return f"“{_one_line(sentence)}” [{source.label}]"


def _scores(question: str, texts: Sequence[str], asked: Dense | None, meanings: Sequence[Dense] | None) -> np.ndarray:
    wanted = words(question)
    bags = [words(text) for text in texts]
    rarity = rarities(wanted, bags)
    whole = sum(rarity.values()) or 1.0
    said = np.array([sum(rarity[word] for word in wanted & bag) / whole for bag in bags])
    headed = np.array([len(wanted & words(clause_heading(text))) / max(len(wanted), 1) for text in texts])
    beside = HEADING_WEIGHT * headed - UNFINISHED * np.array([text.rstrip().endswith(":") for text in texts], float)
    if asked is None or meanings is None or not len(texts):
        return said + beside
    meant = np.array([float(asked @ meaning) for meaning in meanings])
    return MEANING_WEIGHT * meant + (1 - MEANING_WEIGHT) * said + beside


def _fitting(question: str, sentence: str) -> str:
    """A sentence no longer than it may be: its beginning where its heading is what was asked, else the part that fits."""
    if len(sentence) <= SENTENCE_CHARS:
        return sentence
    if words(clause_heading(sentence)) & words(question):
        return sentence[:SENTENCE_CHARS].rsplit(" ", 1)[0]
    return excerpt(question, sentence, SENTENCE_CHARS)


def _one_line(text: str) -> str:
    return " ".join(text.replace("#", " ").split())
