"""The answer when there is no language model: the sources' own best sentences, each with its citation, and said to be that."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from app.indexes.embeddings import Dense
from app.models import KB, Intent
from app.retrievers.wording import words
from app.services.excerpts import excerpt, rarities, sentences
from app.services.prompts import Source

SENTENCE_CHARS = 420
# Sentences quoted of each kb, by intent: a fact from one's own papers needs little general text beside it.
SENTENCES: dict[Intent, dict[KB, int]] = {
    "personal": {"personal": 3, "global": 1},
    "global": {"personal": 0, "global": 4},
    "hybrid": {"personal": 2, "global": 3},
}
PASSAGES = 6  # of each kb: the first ones hold the answer or none does
MEANING_WEIGHT = 0.6  # against shared words; the split that fusion uses for dense and sparse
HEADING_WEIGHT = 0.3  # for a clause whose heading is what was asked
_HEADING = re.compile(
    r"(?:(?:section|article|clause)\s+)?(?:[\dA-Za-z]{1,4}(?:\.\d+)*[.)]\s*){0,4}([A-Z][^.:;]{2,60})[.:]\s",
    re.IGNORECASE,
)
NAME_CHARS = 5  # a shorter beginning of a title's word is chance
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
    unchanged when nothing else would be left.
    """
    titles = set().union(*(words(source.passage.document.title) for source in sources)) if sources else set()
    # A file name runs words together: "TEARDROPGOLFCO" is named by "Teardrop".
    named = {
        word
        for word in words(question)
        if word in titles or (len(word) >= NAME_CHARS and any(title.startswith(word) for title in titles))
    }
    if not words(question) - named:
        return question
    return " ".join(word for word in question.split() if not (own := words(word)) or own - named)


def compose(
    question: str,
    found: Sequence[tuple[Source, str]],
    asked: Dense | None = None,
    meanings: Sequence[Dense] | None = None,
    intent: Intent = "hybrid",
) -> str:
    """The best sentences of each kb under its headline, so many of each as `intent` needs.

    `question` is best given without the words that only name a document (`without_titles`). `asked` and `meanings` are unit
    vectors of the question and of each sentence, where a dense model is there.
    """
    scores = _scores(question, [sentence for _, sentence in found], asked, meanings)
    parts: list[str] = []
    overall = float(scores.max()) if len(scores) else 0.0
    for kb, places in SENTENCES[intent].items():
        mine = [i for i in np.argsort(-scores, kind="stable") if found[i][0].passage.kb == kb]
        # One's own papers are measured by their own best sentence: general text never crowds them out.
        best = float(scores[mine[0]]) if kb == "personal" and mine else overall
        lines: list[str] = []
        for i in mine:
            source, sentence = found[i]
            if len(lines) == places or scores[i] < min(NEAR_BEST * best, best):  # the best may be below 0
                break
            line = f"- “{_one_line(sentence)}” [{source.label}]"
            if not any(_one_line(sentence) in other for other in lines):
                lines.append(line)
        if lines:
            parts.append(HEADLINE[kb] + "\n" + "\n".join(lines))
    return "\n\n".join(parts)


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
    if asked is None or meanings is None or not len(texts):
        return said + HEADING_WEIGHT * headed
    meant = np.array([float(asked @ meaning) for meaning in meanings])
    return MEANING_WEIGHT * meant + (1 - MEANING_WEIGHT) * said + HEADING_WEIGHT * headed


def _fitting(question: str, sentence: str) -> str:
    """A sentence no longer than it may be: its beginning where its heading is what was asked, else the part that fits."""
    if len(sentence) <= SENTENCE_CHARS:
        return sentence
    if words(clause_heading(sentence)) & words(question):
        return sentence[:SENTENCE_CHARS].rsplit(" ", 1)[0]
    return excerpt(question, sentence, SENTENCE_CHARS)


def _one_line(text: str) -> str:
    return " ".join(text.replace("#", " ").split())
