// One draft of the writing page: its text with what is to be confirmed, its sources, and what can be done with it.
(() => {
  const { api, make, button, say, count } = window.aim.people;
  const MARK = "[to confirm]";
  const WHAT = { number: "This number", name: "This name", link: "This link", quote: "These words", blank: "This" };

  // Marked headings and bold words as they are meant; nothing else of Markdown.
  const bare = (line) => line.replace(/^#{1,4}\s+/, "").replace(/\*\*(.+?)\*\*/g, "$1");
  const copyable = (text) => text.split("\n").map(bare).join("\n");
  const words = (text) => text.split(/(\*\*.+?\*\*)/).filter(Boolean).map((part) => (/^\*\*.+\*\*$/.test(part) ? make("strong", {}, part.slice(2, -2)) : part));

  // The text with its nth mark replaced.
  const settled = (text, nth, value) => {
    const parts = text.split(MARK);
    return parts.slice(1).reduce((whole, part, place) => whole + (place === nth ? value : MARK) + part, parts[0]);
  };

  const lines = (draft, onMark) => {
    let nth = 0;
    return draft.text.split("\n").map((line) => {
      const heading = /^#{1,4}\s/.test(line);
      const shown = make(heading ? "h3" : "p", { class: line.trim() ? "line-of" : "line-of gap" });
      line.replace(/^#{1,4}\s+/, "").split(MARK).forEach((part, place) => {
        if (place) {
          const mine = nth++;
          const about = draft.marks[mine]?.label;
          const mark = make("button", { type: "button", class: "to-confirm", "data-nth": mine, "aria-label": `To confirm, place ${mine + 1} of ${draft.open}${about ? `: ${about}` : ""}` }, MARK);
          mark.addEventListener("click", () => onMark(mark, mine));
          shown.append(mark);
        }
        shown.append(...words(part));
      });
      return shown;
    });
  };

  const source = (one, insert) => {
    const row = make("li", { class: "desk-source" }, make("span", { class: "title" }, one.title), make("blockquote", {}, one.quote.replace(/^#{1,4}\s+/gm, "") || "This passage is not here any more."));
    const look = () => window.aim.view({ document: one.document_id, page: one.page, chunks: [one.chunk_id], start: one.start, end: one.end, title: one.title });
    const facts = [one.kb === "global" ? "Industry" : null, one.standing === "none" ? null : one.standing].filter(Boolean).join(", ");
    row.append(make("span", { class: "facts" }, facts), one.quote ? button(`Open page ${one.page}`, `of ${one.title}`, look, "link") : "");
    if (one.quote && insert) row.append(button("Insert into the text", `from ${one.title}`, () => insert(one.quote.replace(/^#{1,4}\s+/gm, "").trim()), "link"));
    return row;
  };

  // Draws `draft` into `place`; `acts` has changed(draft), gone(), again(draft).
  const draw = (place, draft, acts) => {
    const said = make("p", { class: "said", role: "status" });
    const path = `/drafts/${encodeURIComponent(draft.id)}`;
    const body = make("div", { class: "text" });

    const save = async (text, sentence, focus) => {
      const answer = await api("PATCH", path, { text });
      if (!answer.ok) return say(said, answer.sentence, "bad");
      acts.changed(answer.body);
      const fresh = draw(place, answer.body, acts);
      say(fresh.said, sentence, "good");
      (place.querySelector(focus) ?? place.querySelector("[data-do=edit]"))?.focus();
    };

    const settle = (mark, nth) => {
      body.querySelector(".settle")?.remove();
      const known = draft.marks[nth] ?? { was: "", what: "blank", label: "" };
      const id = `settle-${nth}`;
      const input = make("input", { id, type: "text", maxlength: 2000, autocomplete: "off" });
      const away = () => {
        form.remove();
        mark.focus();
      };
      const next = `.to-confirm[data-nth="${nth}"]`;
      const put = (value) => save(settled(draft.text, nth, value), `Put in. ${draft.open > 1 ? `${count(draft.open - 1, "place")} left to confirm.` : "Nothing is left to confirm."}`, next);
      const why = known.was ? `${WHAT[known.what]} stood here: “${known.was}”. None of your facts says so.` : known.label ? `Missing: ${known.label}.` : "Something is missing here that none of your facts says.";
      const form = make(
        "form",
        { class: "settle", novalidate: "" },
        make("p", { class: "why" }, why),
        make("div", { class: "field" }, make("label", { for: id }, "What belongs here?"), input),
        make("div", { class: "end" }, make("button", { type: "submit", class: "plain" }, "Put in"), known.was ? button("It is right", "", () => put(known.was)) : "", button("Cancel", "", away)),
      );
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        if (input.value.trim()) put(input.value.trim());
      });
      form.addEventListener("keydown", (event) => event.key === "Escape" && away());
      mark.closest(".line-of").after(form);
      input.focus();
    };

    const read = () => {
      body.className = "text";
      body.replaceChildren(...lines(draft, settle));
    };
    const edit = () => {
      const area = make("textarea", { id: "desk-text", rows: Math.min(28, Math.max(10, draft.text.split("\n").length + 4)), maxlength: 60000, "aria-label": "Text of the draft" });
      area.value = draft.text;
      area.addEventListener("input", () => say(said, "Not saved yet."));
      area.addEventListener("pointerup", () => (area.dataset.begun = "yes"));
      const close = () => {
        draw(place, draft, acts);
        place.querySelector("[data-do=edit]").focus();
      };
      const keep = make("button", { type: "button", class: "primary" }, "Save");
      keep.addEventListener("click", () => (area.value === draft.text ? close() : save(area.value, "Saved.", "[data-do=edit]")));
      area.addEventListener("keydown", (event) => {
        if (event.key === "Escape") close();
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) keep.click();
      });
      body.className = "text editing";
      body.replaceChildren(area);
      tools.replaceChildren(keep, button("Cancel", "", close));
      area.focus();
      return area;
    };
    // At the caret while the text is edited, else at its end.
    const insert = (words) => {
      const area = body.querySelector("textarea") ?? edit();
      const at = area.dataset.begun ? area.selectionEnd : area.value.length;
      area.dataset.begun = "yes";
      area.setRangeText(`${at && area.value[at - 1] !== "\n" ? "\n" : ""}${words}`, at, at, "end");
      say(said, "Not saved yet.");
      area.focus();
    };
    const copy = async () => {
      const done = await navigator.clipboard.writeText(copyable(draft.text)).then(() => true, () => false);
      const left = draft.open ? ` ${count(draft.open, "place")} still to confirm.` : "";
      say(said, done ? `Copied.${left}` : "The browser did not allow copying; select the text instead.", done ? "good" : "bad");
    };
    const remove = async () => {
      if (!(await window.aim.confirmed(`Delete “${draft.title}” for good?`, "Delete"))) return;
      const answer = await api("DELETE", path);
      if (!answer.ok) return say(said, answer.sentence, "bad");
      acts.gone(draft);
    };

    const rename = () => {
      const input = make("input", { type: "text", id: "desk-title", maxlength: 200, "aria-label": "Title of the draft" });
      input.value = draft.title;
      const form = make("form", { class: "line retitle", novalidate: "" }, make("div", { class: "field" }, input), make("button", { type: "submit", class: "plain" }, "Save"), button("Cancel", "", () => draw(place, draft, acts)));
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (!input.value.trim()) return say(said, "Type a title.", "bad");
        const answer = await api("PATCH", path, { title: input.value.trim() });
        if (!answer.ok) return say(said, answer.sentence, "bad");
        acts.changed(answer.body);
        draw(place, answer.body, acts);
      });
      form.addEventListener("keydown", (event) => event.key === "Escape" && draw(place, draft, acts));
      top.replaceChildren(form);
      input.select();
      input.focus();
    };

    const live = draft.state !== "withdrawn";
    const first = make("button", { type: "button", class: "primary" }, "Copy");
    first.addEventListener("click", copy);
    const editing = button("Edit", "", edit);
    editing.setAttribute("data-do", "edit");
    const anew = button("Write again", "", () => acts.again(draft, anew, said));
    const tools = make("div", { class: "end tools" }, live ? first : "", editing, live ? anew : "", button("Delete", "", remove));
    const top = make("div", { class: "top" }, make("h2", { id: "desk-title-of", tabindex: -1 }, draft.title), button("Rename", draft.title, rename, "link"));
    const next = () => body.querySelector("button.to-confirm")?.click();
    const open = make("p", { class: "open-places" }, draft.open ? `${count(draft.open, "place")} to confirm. ` : "Nothing is left to confirm.", draft.open ? button("Go to the first", "", next, "link") : "");
    const notes = [draft.opinion ? "Creative feedback is opinion, not fact. Keep what helps you." : null, draft.notice, draft.unchecked, draft.edited ? "Edited by hand: what you typed yourself is not checked." : null];
    const sources = draft.sources.length
      ? make("ul", { class: "rows", "aria-label": "Sources" }, ...draft.sources.map((one) => source(one, live && insert)))
      : make("p", { class: "facts" }, "No document was used for this text.");
    place.replaceChildren(
      make(
        "section",
        { class: "panel desk-sheet", "aria-labelledby": "desk-title-of" },
        top,
        ...notes.filter(Boolean).map((note) => make("p", { class: "notice" }, note)),
        live ? open : "",
        body,
        said,
        tools,
        live ? make("div", { class: "exports", "data-kind": "draft", "data-id": draft.id }) : "",
      ),
      make("aside", { class: "panel desk-sources", "aria-labelledby": "desk-sources-of" }, make("h2", { id: "desk-sources-of" }, draft.state === "template" ? "From your documents" : "Sources"), sources),
    );
    read();
    return { said };
  };

  window.aim.drawDraft = draw;
})();
