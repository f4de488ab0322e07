// Where one asks: whom it is about, which documents it is limited to, documents and notes to add, a question to change.
(() => {
  const LOOK_MS = 1500; // between two looks at a note that is being read
  const GROUPS = { personal: "Yours", global: "Industry" };
  const MOST = 200; // documents a question can be limited to
  const LISTED = 2000; // documents one can choose from

  const chosen = new Map(); // document id -> title
  let changed = null; // the question that is being changed
  let told = () => {}; // hears that a document came

  const limits = () => document.querySelector("#limits .limits");
  const typing = () => document.querySelector("#question textarea");

  const chip = (words, label, off) => {
    const one = document.createElement("span");
    one.className = "chip";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Remove";
    button.setAttribute("aria-label", label);
    button.addEventListener("click", off);
    one.append(Object.assign(document.createElement("span"), { textContent: words }), button);
    return one;
  };

  const draw = () => {
    const place = limits();
    if (!place) return;
    place.replaceChildren();
    if (changed !== null) {
      const line = chip("You are changing an earlier question; what followed it is put aside.", "Leave the question as it was", () => changing(null, true));
      line.classList.add("changing");
      line.querySelector("button").textContent = "Leave it";
      place.append(line);
    }
    if (!chosen.size) return;
    const only = Object.assign(document.createElement("div"), { className: "only" });
    only.append(Object.assign(document.createElement("span"), { className: "label", textContent: "Only in" }));
    place.append(only);
    for (const [id, title] of chosen)
      only.append(
        chip(title, `Do not limit the question to ${title}`, () => {
          chosen.delete(id);
          draw();
          typing().focus();
        }),
      );
  };

  const type = (text) => {
    const area = typing();
    area.value = text;
    area.dispatchEvent(new Event("input", { bubbles: true }));
    area.focus();
  };

  // The question that is being changed stands in the composer until it is sent or left. Null: none is.
  const changing = (text, left = false) => {
    const before = changed;
    changed = text;
    if (text === null) window.aim.page.replaces = null;
    if (text !== null) type(text);
    else if (left && before !== null) type("");
    draw();
  };

  const unlimited = () => {
    chosen.clear();
    if (changed !== null) changing(null, true);
    draw();
  };

  const select = () => document.querySelector("#about select");
  // Null: all of them. Undefined: there is nothing to choose.
  const artist = () => (select() ? select().value || null : undefined);

  const composer = (element) => {
    const { placed, page, call } = window.aim;
    // Gradio may draw the bar anew or change what differs: the choice is set where the server tells of another one.
    const look = () => {
      const bar = element.querySelector(".about");
      if (!bar) return;
      if (select()) select().value = bar.dataset.artist;
      placed(bar.dataset.conversation);
    };
    new MutationObserver(look).observe(element, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-conversation", "data-artist"] });
    look();
    draw();
    element.addEventListener("change", async (event) => {
      if (event.target !== select() || !page.conversation) return;
      await call(`/conversations/${encodeURIComponent(page.conversation)}`, "PATCH", { artist_id: artist() }).catch((error) => say(error.message));
    });
    element.addEventListener("click", (event) => {
      const act = { add, note, limit }[event.target.closest("button[data-action]")?.dataset.action];
      act?.();
    });
  };

  const say = (sentence) => {
    const line = document.createElement("span");
    line.className = "chip refused";
    line.setAttribute("role", "alert");
    line.textContent = String(sentence);
    limits().append(line);
  };

  const add = () => document.querySelector("#chat-drop input").click();

  // A note is a document like any other; the row under the conversation says how far it is.
  const note = async () => {
    const inside = document.createElement("div");
    inside.innerHTML =
      '<label>Title<input name="title" maxlength="300" required autocomplete="off"></label>' +
      '<label>Text<textarea name="text" rows="8" required></textarea></label>' +
      '<p class="rules">Kept as a document of yours. Only you can see it.</p>';
    const form = await window.aim.asked("Write a note", inside, "Keep");
    if (!form) return;
    const found = new FormData(form);
    const row = document.createElement("li");
    const title = Object.assign(document.createElement("span"), { className: "title", textContent: found.get("title") });
    const facts = Object.assign(document.createElement("span"), { className: "facts", textContent: "Saving" });
    row.append(title, facts);
    document.querySelector("#chat-drop .uploads").prepend(row);
    const show = (state, words) => {
      row.className = state;
      facts.textContent = words;
    };
    try {
      const body = { title: found.get("title"), text: found.get("text") };
      if (artist()) body.artist_id = artist();
      let kept = await window.aim.call("/documents/notes", "POST", body);
      show("going", "Saved. It can be asked about in a moment.");
      told();
      while (!["ready", "failed"].includes(kept.status)) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        kept = await window.aim.call(`/documents/${encodeURIComponent(kept.id)}`, "GET");
      }
      show(kept.status, kept.status === "ready" ? "Ready" : kept.reason || "This note could not be read.");
    } catch (error) {
      show("failed", error.message);
    }
  };

  const readable = async (kb) => {
    const found = [];
    let after = "";
    do {
      const page = await window.aim.call(`/documents?kb=${kb}&limit=200${after && `&after=${encodeURIComponent(after)}`}`, "GET");
      found.push(...page.items.filter((one) => one.answers && (!artist() || !one.artist_id || one.artist_id === artist())));
      after = page.next;
    } while (after && found.length < LISTED);
    return found;
  };

  const group = (kb, found) => {
    const field = document.createElement("fieldset");
    field.append(Object.assign(document.createElement("legend"), { textContent: GROUPS[kb] }));
    for (const one of found) {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "document", value: one.id, checked: chosen.has(one.id) });
      label.append(box, Object.assign(document.createElement("span"), { textContent: one.title }));
      label.dataset.title = one.title.toLowerCase();
      field.append(label);
    }
    return field;
  };

  const limit = async () => {
    const inside = document.createElement("div");
    inside.className = "picker";
    inside.innerHTML = '<input type="search" placeholder="Search documents" aria-label="Search documents" autocomplete="off"><div class="found"><p class="rules">Looking …</p></div>';
    const place = inside.querySelector(".found");
    const closed = window.aim.asked("Ask only in these documents", inside, "Use these");
    const titles = new Map();
    try {
      const groups = [];
      for (const kb of Object.keys(GROUPS)) {
        const found = await readable(kb);
        for (const one of found) titles.set(one.id, one.title);
        if (found.length) groups.push(group(kb, found));
      }
      place.replaceChildren(...groups);
      if (!groups.length) place.innerHTML = '<p class="rules">There is no document to ask yet. Add one first.</p>';
    } catch (error) {
      place.textContent = error.message;
    }
    inside.querySelector("[type=search]").addEventListener("input", (event) => {
      const wanted = event.target.value.trim().toLowerCase();
      for (const label of place.querySelectorAll("label")) label.hidden = !label.dataset.title.includes(wanted);
      for (const field of place.querySelectorAll("fieldset")) field.hidden = !field.querySelector("label:not([hidden])");
    });
    const form = await closed;
    if (!form) return;
    chosen.clear();
    for (const id of new FormData(form).getAll("document").slice(0, MOST)) chosen.set(id, titles.get(id));
    draw();
    typing().focus();
  };

  // A file may be dropped anywhere on the page.
  let over = 0;
  const files = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const mark = (depth) => document.body.classList.toggle("dropping", (over = Math.max(0, depth)) > 0);
  addEventListener("dragenter", (event) => files(event) && document.querySelector("#chat-drop") && mark(over + 1));
  addEventListener("dragleave", (event) => files(event) && mark(over - 1));
  addEventListener("drop", (event) => {
    mark(0);
    const input = document.querySelector("#chat-drop input");
    if (!input || !files(event) || event.target.closest?.(".drop")) return;
    event.preventDefault();
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change"));
  });

  Object.assign(window.aim, { composer, changing, unlimited, artist, documentsChosen: () => [...chosen.keys()] });
})();
