from __future__ import annotations

from app.models import KB, new_id, now
from app.retrievers.fusion import Fused
from app.retrievers.passages import ChunkRow, DocumentRow, Passage, joined

PAGE = "The term is two years. The notice is ninety days. The fee is paid in March. The venue is in Leeds."


def document(kb: KB = "personal") -> DocumentRow:
    return DocumentRow(new_id(), kb, None, "Deal", "none", now())


def passage(of: DocumentRow, number: int, start: int, end: int, *, page: int = 1, kb: KB = "personal") -> Passage:
    chunk = ChunkRow(
        id=f"{of.id}-{number}",
        document_id=of.id,
        version=1,
        number=number,
        page=page,
        start=start,
        end=end,
        heading="",
        text=PAGE[start:end],
    )
    return Passage(chunk, of, Fused(kb, chunk.id, 1.0 / (number + 1), {}, {}))


def test_neighbours_that_overlap_become_one_and_keep_the_pages_own_text() -> None:
    deal = document()
    late, early = passage(deal, 1, 23, 76), passage(deal, 0, 0, 49)
    [one] = joined([late, early])
    assert (one.chunk.start, one.chunk.end) == (0, 76)
    assert one.chunk.text == PAGE[0:76]
    assert one.chunk.id == late.chunk.id, "the better one's"
    assert [chunk.id for chunk in one.chunks] == [early.chunk.id, late.chunk.id]


def test_a_quote_is_cited_from_the_chunk_it_stands_in() -> None:
    deal = document()
    late, early = passage(deal, 1, 23, 76), passage(deal, 0, 0, 49)
    [one] = joined([late, early])
    assert one.holding("two years").id == early.chunk.id
    assert one.holding("paid in March").id == late.chunk.id
    assert one.holding("notice").id == late.chunk.id, "both hold it: the better one"
    assert one.holding(PAGE[0:76]).id == late.chunk.id


def test_three_in_a_row() -> None:
    deal = document()
    parts = [passage(deal, 0, 0, 30), passage(deal, 1, 23, 60), passage(deal, 2, 50, 98)]
    [one] = joined(parts[::-1])
    assert one.chunk.text == PAGE
    assert len(one.chunks) == 3


def test_what_does_not_touch_stays_apart() -> None:
    deal, other = document(), document()
    apart = [
        [passage(deal, 0, 0, 22), passage(deal, 1, 23, 49)],  # between them stands what no chunk holds
        [passage(deal, 0, 0, 30), passage(deal, 2, 23, 60)],
        [passage(deal, 0, 0, 30), passage(deal, 1, 23, 60, page=2)],
        [passage(deal, 0, 0, 30), passage(other, 1, 23, 60)],
    ]
    for pair in apart:
        assert joined(pair) == pair


def test_the_order_stays_that_of_the_best() -> None:
    deal, other = document(), document()
    first, second, third = passage(other, 4, 0, 30), passage(deal, 0, 0, 30), passage(deal, 1, 23, 60)
    assert [one.chunk.id for one in joined([first, third, second])] == [first.chunk.id, third.chunk.id]
    assert [one.chunk.id for one in joined([third, first, second])] == [third.chunk.id, first.chunk.id]
    assert joined([]) == []
