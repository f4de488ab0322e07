// Plans in the chat: an answer becomes a plan, and what it proposes to change in one is accepted or declined below it.
(() => {
  const { api, make } = window.aim.people;
  const { proposalRow, planChanged } = window.aim;
  const { today } = window.aim.calendar;
  const LONGEST = 600; // characters of a question as a goal; more would be a pasted text

  // What was asked stands in the last question above.
  const questionOf = (button) => {
    const above = [...document.querySelectorAll("#chat .asked")].filter((one) => one.compareDocumentPosition(button) & Node.DOCUMENT_POSITION_FOLLOWING);
    return above.at(-1)?.innerText.trim().replace(/\s+/g, " ").slice(0, LONGEST) ?? "";
  };
  // The first day that it names; one without a year is the next such day.
  const MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
  const MONTH = "(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\\b\\.?";
  const dayIn = (text) => {
    const written = text.match(/\b(\d{4})-(\d\d)-(\d\d)\b/);
    if (written) return written[0];
    const first = text.match(new RegExp(`\\b(\\d{1,2})(?:st|nd|rd|th)?(?: of)? ${MONTH}(?:,? (\\d{4}))?\\b`, "i"));
    const other = text.match(new RegExp(`\\b${MONTH} (\\d{1,2})(?:st|nd|rd|th)?\\b(?:,? (\\d{4}))?`, "i"));
    const [day, month, year] = first ? first.slice(1) : other ? [other[2], other[1], other[3]] : [];
    if (!day) return "";
    const iso = (one) => `${one}-${String(MONTHS.indexOf(month.slice(0, 3).toLowerCase()) + 1).padStart(2, "0")}-${day.padStart(2, "0")}`;
    const named = iso(year ?? today().slice(0, 4));
    return year || named >= today() ? named : iso(Number(today().slice(0, 4)) + 1);
  };
  addEventListener("click", (event) => {
    const button = event.target.closest?.("#chat .act.plan");
    if (!button) return;
    const goal = questionOf(button);
    const wanted = new URLSearchParams({ new: button.value, goal });
    if (dayIn(goal)) wanted.set("date", dayIn(goal));
    const artist = window.aim.artist?.() ?? document.querySelector("#about .about")?.dataset.artist;
    if (artist) wanted.set("artist", artist);
    location.assign(`/app/plans#${wanted}`);
  });

  const offered = new Map(); // message id -> proposals that were open when they were looked up
  const covered = new Set(); // message ids they were looked up for
  const answered = new Map(); // proposal id -> what was said

  const decide = (one, word) => async (pressed) => {
    const row = pressed.closest("li");
    for (const button of row.querySelectorAll("button")) button.disabled = true;
    const answer = await api("POST", `/plans/${encodeURIComponent(one.plan_id)}/proposals/${encodeURIComponent(one.id)}/${word}`);
    if (!answer.ok) {
      for (const button of row.querySelectorAll("button")) button.disabled = false;
      row.querySelector("[role=status]").textContent = answer.sentence;
      return;
    }
    answered.set(one.id, word === "accept" ? "Accepted." : "Declined.");
    planChanged();
    settle(one, row);
    row.querySelector("[tabindex]")?.focus({ preventScroll: true });
  };
  // The answer stands where the buttons were.
  const settle = (one, row) => {
    row.querySelector(".actions").replaceChildren();
    const told = row.querySelector("[role=status]");
    told.setAttribute("tabindex", "-1");
    told.textContent = answered.get(one.id);
  };

  const draw = (place, items) => {
    const rows = items.map((one) => {
      const row = proposalRow(one, decide(one, "accept"), decide(one, "decline"), "act first");
      row.append(make("span", { class: "said", role: "status" }));
      if (answered.has(one.id)) settle(one, row);
      return row;
    });
    const plans = [...new Map(items.map((one) => [one.plan_id, one.plan_title]))].map(([id, title]) => make("a", { href: `/app/plans#plan=${encodeURIComponent(id)}` }, title));
    const head = make("p", { class: "label" }, "Proposed for ");
    plans.forEach((link, place) => head.append(place ? ", " : "", link));
    head.append(". Nothing changes before you accept it.");
    place.replaceChildren(head, make("ul", {}, ...rows));
  };

  let asking = false;
  const look = async () => {
    const places = [...document.querySelectorAll("#chat .plan-changes[id]")];
    const idOf = (place) => place.id.slice("changes-".length);
    for (const place of places) if (!place.firstChild && offered.has(idOf(place))) draw(place, offered.get(idOf(place)));
    const fresh = places.map(idOf).filter((id) => !covered.has(id));
    if (!fresh.length || asking) return;
    asking = true;
    const found = await api("GET", "/plans/proposals?status=proposed&limit=200");
    asking = false;
    for (const id of fresh) covered.add(id); // a failure is not asked for again and again
    if (!found.ok) return;
    for (const one of found.body.items) {
      const mine = offered.get(one.message_id) ?? [];
      if (!mine.some((each) => each.id === one.id)) offered.set(one.message_id, [...mine, one]);
    }
    look();
  };
  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => ((waiting = false), look()));
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
