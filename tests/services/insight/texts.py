"""Papers that the tests of insight read. They name nobody."""

from __future__ import annotations

from app.services.insight.page_texts import PageText

MANAGEMENT = """# Management agreement

This agreement is made on 1 March 2026 between Night Ferry Music ("the Artist") and Harbour Management Ltd, a limited company
located at 5 Quay Street ("the Manager").

## 3. Term
The agreement runs for two years from its date and ends on 29 February 2028. It renews for one year unless either side gives
written notice 60 days before the end of the term.

## 4. Commission
The Manager receives a commission of 20 % of the Artist's gross income and pays an advance of 5,000 euros.
The Manager may spend up to 250 euros a month without asking.

## 5. Territory
"Territory" means the world.
"""


def pages(*texts: str) -> list[PageText]:
    return [PageText(number, text) for number, text in enumerate(texts, 1)]
