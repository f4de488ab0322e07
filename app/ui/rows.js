// A document as a row of a list. Once made, only what changed is written: focus, an open menu and a form stay.
(() => {
  const { make, options, size, count } = window.aim;
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

  const finished = (document) => ["ready", "failed"].includes(document.status);
  const day = (date) => `${date.getDate()} ${MONTHS[date.getMonth()]} ${date.getFullYear()}`;

  // The first of a month stands for the month: the starter knowledge is dated so.
  const asOf = (text) => {
    const [year, month, one] = text.split("-").map(Number);
    return `as of ${one > 1 ? `${one} ` : ""}${MONTHS[month - 1]} ${year}`;
  };

  const seconds = (left) => (left < 90 ? `about ${left} s` : `about ${Math.round(left / 60)} min`);

  // Its state; of one that is being read how far it is and how long it will take.
  const doing = (found, words) => {
    const detail = found.detail ?? {};
    if (found.status === "parsing" && detail.pages) return `Reading page ${Math.min((detail.pages_read ?? 0) + 1, detail.pages)} of ${detail.pages}`;
    const pairs = Object.values(detail.models ?? {});
    const total = pairs.reduce((sum, pair) => sum + pair[1], 0);
    if (found.status !== "embedding" || !total) return words[found.status] ?? found.status;
    // Every model counts each passage; people count passages once.
    const done = Math.round((detail.chunks * pairs.reduce((sum, pair) => sum + pair[0], 0)) / total);
    const told = `${words.embedding} ${done} of ${count(detail.chunks, "passage")}`;
    return detail.seconds_left ? `${told}, ${seconds(detail.seconds_left)} left` : told;
  };

  const facts = (found, library) => {
    const told = found.status === "ready" && !library.own ? [] : [doing(found, library.words.status)];
    if (found.as_of) told.push(asOf(found.as_of));
    if (found.status === "ready") told.push(count(found.pages, "page"), count(found.chunks, "passage"));
    if (library.own) told.push(found.artist_id === null ? "All artists" : (library.artists.get(found.artist_id) ?? "An artist"));
    if (found.standing !== "none") told.push(library.words.standing[found.standing] ?? found.standing);
    if (found.version > 1 && found.answers) told.push(`version ${found.version}`);
    if (library.writable) told.push(size(found.bytes), day(new Date(found.created)));
    return told.join(" · ");
  };

  const put = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
    element.hidden = !text;
  };

  const buttons = {
    cancel: "Cancel",
    retry: "Try again",
    details: "Details",
    view: "Preview",
    edit: "Edit",
    replace: "Replace the file",
    download: "Download",
    delete: "Delete",
  };

  // `library`: {own, writable, words, artists: Map of names}; `act(action, row)` for every button.
  const makeRow = (library, first, act) => {
    const row = { document: first, heard: performance.now() };
    const button = (action) => make("button", { type: "button", "data-action": action, click: () => act(action, row) }, buttons[action]);
    const link = make("a", { "data-action": "download", href: `/api/documents/${encodeURIComponent(first.id)}/file`, download: true }, buttons.download);
    const [cancel, retry, details, view, edit, replace, remove] = ["cancel", "retry", "details", "view", "edit", "replace", "delete"].map(button);
    const pick = make("input", { type: "checkbox", change: () => act("pick", row) });
    const kind = make("span", { class: "kind", "aria-hidden": "true" });
    const [title, about, line, meanwhile, reason] = ["title", "about", "facts", "facts meanwhile", "reason"].map((name) => make("span", { class: name }));
    const refused = make("span", { class: "reason refused", role: "alert", hidden: true });
    const bar = make("progress", { max: 100 });
    const summary = make("summary", {}, "More");
    const menu = make("details", { class: "menu" }, summary, make("div", {}, replace));
    const actions = make("div", { class: "actions" }, ...(library.writable ? [cancel, retry, details, view, edit, menu] : [details, view, link]));
    if (library.writable) menu.lastElementChild.append(link, remove);
    const what = make("div", { class: "what" }, title, about, line, meanwhile, reason, refused, bar);
    row.element = make("li", { class: "document", "data-id": first.id }, library.writable ? make("label", { class: "pick" }, pick) : null, kind, what, actions);
    const shut = (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      summary.focus();
      event.stopPropagation();
    };
    menu.addEventListener("keydown", shut);
    menu.addEventListener("focusout", (event) => event.relatedTarget && !menu.contains(event.relatedTarget) && (menu.open = false));

    row.update = (found) => {
      const held = globalThis.document.activeElement;
      const going = !finished(found);
      if (!found.insight && found.version === row.document.version) found.insight = row.document.insight; // answers to changes tell none
      row.document = found;
      row.heard = performance.now();
      row.element.className = `document ${found.status}`;
      for (const [control, name] of [[pick, "Select"], [cancel, "Cancel"], [retry, "Try again"], [details, "Details of"], [view, "Preview"], [edit, "Edit"], [summary, "More for"], [replace, "Replace"], [link, "Download"], [remove, "Delete"]])
        control.setAttribute("aria-label", `${name} ${found.title}`);
      put(kind, found.filename.includes(".") ? found.filename.split(".").pop().toUpperCase() : "");
      put(title, found.title);
      put(about, window.aim.sortOf?.(found) ?? "");
      put(line, facts(found, library));
      put(meanwhile, found.answers && found.status !== "ready" ? "A new version; the one before answers until it is ready." : "");
      put(reason, found.reason ?? "");
      bar.hidden = !going;
      bar.value = 100 * found.progress;
      bar.setAttribute("aria-label", `Progress of ${found.title}`);
      cancel.hidden = !going;
      retry.hidden = found.status !== "failed";
      details.hidden = !about.textContent;
      replace.hidden = going;
      view.hidden = !window.aim.view || !found.answers;
      if (row.element.contains(held) && held.hidden) row.focus();
    };
    row.refuse = (sentence) => put(refused, sentence);
    row.pick = pick;
    row.focus = () => (library.writable ? summary : link).focus();
    row.close = () => (menu.open = false);
    row.update(first);
    return row;
  };

  // The form below a row in which its title, artist, standing and date are changed; `save(changes)` may throw a sentence.
  const editRow = (library, row, save) => {
    if (row.element.querySelector("form.edit")) return;
    const found = row.document;
    const field = (name, words, control) => (control.setAttribute("name", name), make("label", {}, words, control));
    const title = make("input", { type: "text", required: true, maxlength: 300, value: found.title });
    const standing = options(make("select"), Object.entries(library.words.standing), found.standing);
    const artist = options(make("select"), [["", "All artists"], ...library.artists], found.artist_id ?? "");
    const date = make("input", { type: "date", max: "9999-12-31", value: found.as_of ?? false });
    const trouble = make("p", { class: "reason", role: "alert" });
    const close = () => {
      form.remove();
      row.element.querySelector('[data-action="edit"]').focus();
    };
    const done = make("button", { class: "primary" }, "Save");
    const form = make(
      "form",
      { class: "edit", "aria-label": `Edit ${found.title}` },
      field("title", "Title", title),
      library.own ? field("artist_id", "Artist", artist) : field("as_of", "As of", date),
      field("standing", "Standing", standing),
      library.own ? make("p", { class: "facts" }, "With another artist it is read again, and answers nothing until it is ready.") : null,
      trouble,
      make("div", { class: "answers" }, make("button", { type: "button", click: close }, "Cancel"), done),
    );
    form.addEventListener("keydown", (event) => event.key === "Escape" && close());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const wanted = { title: title.value.trim(), standing: standing.value, ...(library.own ? { artist_id: artist.value || null } : { as_of: date.value || null }) };
      const changes = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => value !== found[name]));
      done.disabled = true;
      try {
        if (Object.keys(changes).length) await save(changes);
        close();
      } catch (error) {
        trouble.textContent = error.message;
      }
      done.disabled = false;
    });
    row.element.append(form);
    title.focus();
    title.select();
  };

  Object.assign(window.aim, { makeRow, editRow, finished, doing });
})();
