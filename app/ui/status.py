"""How the server is doing, in words: a few for everybody, the whole of it as tables for admins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from app.services.system import IndexPublic, SystemPublic
from app.ui.format import count, one_line, size_words

STATUS_WORDS = {"ok": "works", "down": "does not work", "off": "off", "building": "is being prepared"}
WHOLE_WORDS = {
    "ok": "Everything works.",
    "degraded": "Questions are answered, but a part needs attention.",
    "down": "Questions cannot be answered now.",
}
PART_WORDS = {
    "database": "Database",
    "vectors": "Search index",
    "cross_encoder": "Second reading of passages",
    "language_model": "Language model",
    "worker": "Reading of new documents",
    "reconciler": "Hourly comparison",
}
# What an ordinary user is told of a part that does not work: what it means for them, and nothing of how this is built.
TROUBLES = {
    "database": "Nothing can be saved or opened at this moment; try again in a few minutes.",
    "vectors": "Documents cannot be searched at this moment; try again in a few minutes.",
    "language_model": "The language model does not answer; until it does, answers quote the sources.",
    "worker": "New documents wait: they are not being read at this moment.",
    "embedding": "A part of the search does not work; answers may miss a passage.",
    "cross_encoder": "A part of the search does not work; answers may miss a passage.",
}
PREPARING = "The search is being prepared; until it is done, answers may miss a passage."
NO_MODEL = "No language model is set up, so answers quote the sources. Whoever runs this server can add one."
FINDING_WORDS = {
    "orphan_points": "Passages in the search index that belong to no document",
    "missing_points": "Passages missing from the search index",
    "stale_chunks": "Passages of versions nobody wants any more",
    "stray_files": "Files that belong to no document",
    "missing_files": "Documents whose file is gone",
}


def health_html(report: Mapping[str, Any]) -> str:
    """For everybody: one word for the whole, and a sentence for what matters to somebody who asks questions."""
    told: list[str] = []
    for name, part in report["components"].items():
        kind = name.partition(":")[0]
        if part["status"] == "down" and kind in TROUBLES:
            told.append(TROUBLES[kind])
        elif part["status"] == "building":
            told.append(PREPARING)
        elif (name, part["status"]) == ("language_model", "off"):
            told.append(NO_MODEL)
    word = {"ok": "All is well.", "degraded": "Working, with limits.", "down": "Not working at this moment."}
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in dict.fromkeys(told))
    whole = f'<p class="whole {escape(report["status"])}">{word[report["status"]]}</p>'
    return f"{whole}{f'<ul>{items}</ul>' if items else ''}"


def system_html(report: SystemPublic, *, hurried: bool = False) -> str:
    """For admins. `hurried`: a comparison was asked for just now."""
    parts = [
        [_part_name(name), _state(part.status), _milliseconds(part.milliseconds), one_line(part.detail or "")]
        for name, part in report.components.items()
    ]
    queues, counts, disk = report.queues, report.counts, report.disk
    work = [
        ["Documents waiting to be read", str(queues.waiting)],
        ["Documents being read now", str(queues.working)],
        ["Documents being deleted", str(queues.deleting)],
        ["Documents that failed", str(queues.failed)],
        ["Answers being written now", f"{queues.answers} of at most {queues.most_answers}"],
    ]
    kept = [
        ["Users", f"{counts.users}, {count(counts.admins, 'admin')}, {counts.disabled_users} disabled"],
        ["Documents of users, ready", str(counts.documents["personal"])],
        ["Documents of the industry, ready", str(counts.documents["global"])],
        ["Passages", str(counts.chunks)],
        ["Conversations", str(counts.conversations)],
        ["Messages", str(counts.messages)],
    ]
    space = [[escape(name.capitalize()), _size(size)] for name, size in disk.folders.items()]
    space.append(["Free on this disk", f"{_size(disk.free)} of {_size(disk.total)}"])
    versions = [[escape(name), escape(number)] for name, number in report.versions.items()]
    return (
        f'<p class="whole {report.status}" role="status">{WHOLE_WORDS[report.status]}</p>'
        + table("Parts", ("Part", "State", "Answered in", "What to know"), parts)
        + table("Work", ("What", "How many"), work)
        + _indexes(report.indexes)
        + _findings(report, hurried)
        + table("What is kept", ("What", "How many"), kept)
        + table("Disk", ("What", "Size"), space)
        + table("Versions", ("Part", "Version"), versions)
    )


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A real table in a box that scrolls by itself; cells are HTML. The first cell of a row is its heading."""
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    return (
        f'<div class="scrolls" role="region" aria-label="{escape(caption)}" tabindex="0"><table><caption>{escape(caption)}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def moment(when: datetime | None, never: str = "never") -> str:
    """A time of UTC, as a person reads it; `datetime` in the markup is exact."""
    if when is None:
        return never
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    return f'<time datetime="{when.isoformat(timespec="seconds")}">{when:%d %b %Y, %H:%M}</time>'


def _indexes(indexes: Sequence[IndexPublic]) -> str:
    rows = [
        [
            f"{escape(one.model)}, {'industry' if one.kb == 'global' else 'personal'}",
            str(one.generation),
            escape(one.state) + (f", {one.filled} of {one.documents} documents" if one.state == "building" else ""),
            "not known" if one.points is None else f"{one.points:,}".replace(",", " "),
            moment(one.created),
        ]
        for one in indexes
    ]
    return table("Search indexes", ("Model and base", "Generation", "State", "Passages", "Made (UTC)"), rows)


def _findings(report: SystemPublic, hurried: bool) -> str:
    found = report.reconciled
    rows = [[FINDING_WORDS.get(name, escape(name)), str(number)] for name, number in found.findings.items()]
    when = f"Last done {moment(found.finished)} UTC." if found.finished else "Not done yet since this was installed."
    more = " Another one begins now; look again in a moment." if hurried else ""
    return (
        table("Comparison of database, search index and files", ("Found, and mended where possible", "How many"), rows)
        + f'<p class="hint">{when}{more}</p>'
    )


def _part_name(name: str) -> str:
    kind, _, which = name.partition(":")
    return f"Search model {escape(which)}" if which else escape(PART_WORDS.get(kind, kind))


def _state(status: str) -> str:
    return f'<span class="mark {escape(status)}">{escape(STATUS_WORDS.get(status, status))}</span>'


def _size(size: int) -> str:
    return f"{size / 1e9:.0f} GB" if size >= 10**10 else size_words(size)


def _milliseconds(spent: float) -> str:
    return "" if not spent else f"{spent:.1f} ms" if spent >= 0.1 else "under 0.1 ms"
