// What a document says, item by item, over the present page: kind, warnings, parties, money, dates to confirm, and for a contract the
// checklist of its clauses. Opened by `aim.details(document)`; every item leads to its place on its page.
(() => {
  const { api, make } = window.aim;
  const SHOWN = 4; // items of a part at first
  const AGAIN_MS = 1500; // while the document waits to be read
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const WAITING = "This document is being looked through. This takes a moment.";
  const NOTHING = "Nothing of this kind was found in it. Ask about it in the chat, or look at its pages.";
  // Facts by what they are, in the order in which they are told; dates and clauses have parts of their own.
  const PARTS = [
    ["Parties", ["party"]],
    ["Song", ["song"]],
    ["Shares", ["share"]],
    ["Money", ["money"]],
    ["Rates", ["rate"]],
    ["Territory", ["territory"]],
    ["Periods and restrictions", null], // all others: terms of the contract
  ];

  const TOLD = new Set(["date", ...PARTS.flatMap(([, kinds]) => kinds ?? [])]);

  const spoken = (day) => {
    const [year, month, one] = day.split("-").map(Number);
    return `${one} ${MONTHS[month - 1]} ${year}`;
  };
  const left = (days) => (days < 0 ? "passed" : days === 0 ? "today" : days === 1 ? "tomorrow" : `in ${days} days`);
  const oneLine = (text) => text.replace(/\s+/g, " ").trim();

  // The page with the words marked, over this dialog.
  const look = (place, id, title) => window.aim.view({ document: id, page: place.page, chunks: place.chunk_id ? [place.chunk_id] : [], start: place.start, end: place.end, title });
  const pageButton = (place, id, title, about, words = `Page ${place.page}`) =>
    place.page == null ? null : make("button", { type: "button", class: "page", "aria-label": `${words}: ${about}`, click: () => look(place, id, title) }, words);
  const quote = (text) => (text ? make("q", {}, oneLine(text)) : null);

  const part = (title, ...children) => {
    const id = `insight-part-${title.toLowerCase().replace(/\W+/g, "-")}`;
    return make("section", { "aria-labelledby": id }, make("h3", { id }, title), ...children);
  };

  // The first ones; the others follow when they are asked for.
  const listed = (items, title) => {
    const list = make("ul", {}, ...items.slice(0, items.length > SHOWN + 1 ? SHOWN : items.length));
    const rest = items.slice(list.childElementCount);
    if (!rest.length) return [list];
    const open = () => {
      list.append(...rest);
      more.remove();
      rest[0].querySelector("button")?.focus();
    };
    const more = make("button", { type: "button", class: "more", "aria-label": `Show ${rest.length} more: ${title}`, click: open }, `Show ${rest.length} more`);
    return [list, more];
  };

  const warning = (found, one) =>
    make(
      "li",
      {},
      make("p", {}, one.text),
      make(
        "div",
        { class: "ways" },
        pageButton(one, found.document_id, found.title, one.text),
        one.other ? pageButton(one.other, one.other.document_id, one.other.title, one.text, `Page ${one.other.page} of “${one.other.title}”`) : null,
      ),
    );

  const fact = (found, one) => {
    const told = oneLine(one.quote).length > oneLine(one.value).length + (one.kind === "party" ? 60 : 12) ? quote(one.quote) : null;
    const name = make("span", { class: "name" }, one.by === "model" ? `${one.name} (found by the language model)` : one.name);
    return make("li", {}, make("div", { class: "said" }, name, make("span", { class: "value" }, one.value), told), pageButton(one, found.document_id, found.title, one.name));
  };

  // A date with what its owner can do about it. Only confirmed ones enter calendar and deadlines.
  const dateRow = (found, first) => {
    const item = make("li", { class: "date" });
    const change = async (json) => {
      for (const button of item.querySelectorAll("button")) button.disabled = true;
      try {
        show(await api(`/dates/${encodeURIComponent(first.id)}`, { method: "PATCH", json }));
        dispatchEvent(new CustomEvent("aim:dates"));
        item.querySelector(".ways button")?.focus();
      } catch (error) {
        for (const button of item.querySelectorAll("button")) button.disabled = false;
        item.querySelector(".trouble").textContent = error.message;
      }
    };
    const edit = (one) => {
      const day = make("input", { type: "date", required: true, min: "1900-01-01", max: "2200-12-31", value: one.day });
      const back = () => (show(one), item.querySelector(".ways button").focus());
      const form = make("form", { class: "ways" }, make("label", {}, "Day", day), make("button", { class: "primary" }, "Save"), make("button", { type: "button", click: back }, "Cancel"));
      form.addEventListener("submit", (event) => (event.preventDefault(), change({ day: day.value, status: "accepted" })));
      form.addEventListener("keydown", (event) => event.key === "Escape" && (event.preventDefault(), event.stopPropagation(), back()));
      item.querySelector(".ways").replaceWith(form);
      day.focus();
    };
    const show = (one) => {
      const act = (words, does, kind = "") => make("button", { type: "button", class: kind, "aria-label": `${words}: ${one.label}, ${spoken(one.day)}`, click: does }, words);
      const acts = {
        proposed: () => [act("Confirm", () => change({ status: "accepted" })), act("Change", () => edit(one)), act("Put away", () => change({ status: "declined" }))],
        accepted: () => [make("span", { class: "state" }, "In your calendar"), act("Change", () => edit(one)), act("Put away", () => change({ status: "declined" }))],
        declined: () => [make("span", { class: "state" }, "Put away"), act("Bring back", () => change({ status: "proposed" }))],
      }[one.status]();
      item.className = `date ${one.status}`;
      item.replaceChildren(
        make(
          "div",
          { class: "said" },
          make("span", { class: "name" }, one.label),
          make("span", { class: "value" }, `${spoken(one.day)}, ${left(one.days_left)}`),
          ...(one.rule ? [make("span", { class: "rule" }, one.rule)] : []),
          ...(one.changed ? [make("span", { class: "rule" }, "The document does not say this any more.")] : []),
          ...(one.quote ? [quote(one.quote)] : []),
        ),
        pageButton(one, found.document_id, found.title, one.label) ?? "",
        make("div", { class: "ways" }, ...acts),
        make("p", { class: "trouble", role: "alert" }),
      );
    };
    show(first);
    return item;
  };

  const dates = (found) => {
    const known = new Set(found.dates.map((one) => `${one.label} ${one.day}`));
    const others = found.facts.filter((one) => one.kind === "date" && !known.has(`${one.name} ${one.day}`));
    if (!found.dates.length && !others.length) return null;
    const plain = others.map((one) => fact(found, { ...one, value: one.day ? spoken(one.day) : one.rule }));
    const waiting = found.dates.some((one) => one.status === "proposed");
    const hint = waiting ? make("p", { class: "hint" }, "Confirm a date to have it in your calendar and among your deadlines. Until then it stays here.") : null;
    return part("Dates", hint ?? "", ...listed([...found.dates.map((one) => dateRow(found, one)), ...plain], "Dates"));
  };

  const clause = (found, one) =>
    make("li", {}, make("div", { class: "said" }, make("span", { class: "name" }, one.label), quote(one.quote) ?? ""), pageButton(one, found.document_id, found.title, one.label) ?? "");

  const checklist = (found) => {
    if (!found.clauses.length) return null;
    const [there, missing] = [found.clauses.filter((one) => one.found), found.clauses.filter((one) => !one.found)];
    const not = missing.length ? make("p", { class: "missing" }, make("strong", {}, "Not found: "), missing.map((one) => one.label.toLowerCase()).join(", "), ". It may be there in other words.") : "";
    return part("Clauses", make("p", { class: "hint" }, `${there.length} of ${found.clauses.length} clauses of a music deal were found.`), make("ul", {}, ...there.map((one) => clause(found, one))), not);
  };

  const told = (found) => {
    const parts = [];
    if (found.warnings.length) parts.push(part("Look at this", make("ul", { class: "warnings" }, ...found.warnings.map((one) => warning(found, one)))));
    for (const [title, kinds] of PARTS) {
      const mine = found.facts.filter((one) => (kinds ? kinds.includes(one.kind) : !TOLD.has(one.kind)));
      if (mine.length) parts.push(part(title, ...listed(mine.map((one) => fact(found, one)), title)));
      if (title === "Shares") parts.push(dates(found));
    }
    parts.push(checklist(found));
    if (found.questions.length) parts.push(part("Questions for a lawyer", ...listed(found.questions.map((one) => make("li", {}, make("p", {}, one))), "Questions for a lawyer")));
    if (!parts.some(Boolean)) parts.push(make("p", { class: "hint" }, NOTHING));
    return [...parts.filter(Boolean), make("p", { class: "advice" }, found.note)];
  };

  const details = (document) => {
    const opener = globalThis.document.activeElement;
    const body = make("div", { class: "inside", tabindex: "0", role: "region", "aria-label": "What the document says" }, make("p", { class: "hint", role: "status" }, "Looking it up …"));
    const kind = make("p", { class: "sort" });
    const head = make("header", {}, make("div", {}, make("h2", { id: "insight-title" }, document.title), kind), make("button", { type: "button", click: () => dialog.close() }, "Close"));
    const dialog = make("dialog", { class: "insight", "aria-labelledby": "insight-title" }, head, body);
    const load = async () => {
      try {
        const found = await api(`/documents/${encodeURIComponent(document.id)}/insight`);
        if (!dialog.isConnected) return;
        if (!found.read) {
          body.replaceChildren(make("p", { class: "hint", role: "status" }, WAITING));
          return setTimeout(() => dialog.isConnected && load(), AGAIN_MS);
        }
        kind.textContent = found.label;
        body.replaceChildren(...told(found));
      } catch (error) {
        body.replaceChildren(make("p", { class: "trouble", role: "alert" }, error.message), make("button", { type: "button", click: load }, "Try again"));
      }
    };
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (opener?.isConnected) opener.focus();
    });
    globalThis.document.querySelector(".gradio-container .contain").append(dialog); // Gradio has rules for small screens hold in here alone
    dialog.showModal();
    body.focus();
    load();
    return dialog;
  };

  // In a row: what kind of document it is, and how much in it wants a look. Of an industry guide nothing needs telling.
  const sortOf = (document) => {
    const found = document.insight;
    if (!document.answers || !found || found.kind === "guide") return "";
    const look = found.warnings ? ` · ${window.aim.count(found.warnings, "thing")} to look at` : "";
    const others = found.disagrees_with ?? [];
    const apart = others.length ? ` · disagrees with ${others.length === 1 ? `“${others[0].title}”` : window.aim.count(others.length, "other document")}` : "";
    return `${found.label}${look}${apart}`;
  };

  Object.assign(window.aim, { details, sortOf });
})();
