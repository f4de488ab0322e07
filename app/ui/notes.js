// What is remembered of the user: offered under the last answer, listed, changed and forgotten on the profile.
(() => {
  const { api, make, button, wrong, say, day } = window.aim.people;
  const MOST = 3; // offered at a time
  const SHORT = 60; // characters of a note in the name of its button

  const path = (note) => `/profile/notes/${encodeURIComponent(note.id)}`;
  const brief = (text) => (text.length > SHORT ? `${text.slice(0, SHORT - 1).trimEnd()}…` : text);

  // Under the answer

  const remember = (element) => {
    const place = () => document.querySelector("#remember .remember") ?? element.querySelector(".remember");
    let shown = ""; // of which answer in which conversation
    let asked = 0;

    const away = () => {
      const here = place();
      if (!here || here.hidden) return;
      here.hidden = true;
      here.replaceChildren();
    };

    const draw = (notes) => {
      const here = place();
      if (!here) return;
      here.hidden = !notes.length;
      here.replaceChildren(...notes.slice(0, MOST).map(offer));
    };

    // The name of the artist that the conversation is about, where there are several.
    const whom = (note) => [...document.querySelectorAll("#about option")].find((one) => note.artist_id && one.value === note.artist_id)?.textContent ?? "you";

    const offer = (note) => {
      const line = make("div", { class: "offer" });
      const settle = async (status, words) => {
        const answer = await api("PATCH", path(note), { status });
        const told = make("p", { role: "status", tabindex: "-1" }, answer.ok || answer.status === 404 ? words : answer.sentence);
        if (answer.ok && status === "confirmed") told.append(" ", make("a", { href: "/app/profile#remembered" }, "Change it on your profile"));
        line.replaceChildren(told);
        told.focus();
      };
      line.append(
        make("p", {}, make("span", { class: "label" }, `Remember about ${whom(note)}: `), `“${note.text}”`, make("span", { class: "label" }, "?")),
        make(
          "span",
          { class: "choose" },
          button("Remember", brief(note.text), () => settle("confirmed", "Remembered. Answers use it from now on."), "yes"),
          button("No", `do not keep ${brief(note.text)}`, () => settle("declined", "Not remembered, and not offered again."), "no"),
        ),
      );
      return line;
    };

    const look = async () => {
      const last = [...document.querySelectorAll("#chat .message-row")].at(-1);
      const answer = [...document.querySelectorAll('#chat .actions[id^="answer-"]')].at(-1);
      const conversation = window.aim.page.conversation;
      const ended = last && answer && conversation && !window.aim.busy();
      const now = ended ? `${conversation} ${answer.id}` : "";
      if (now === shown) return;
      shown = now;
      away();
      if (!now) return;
      const mine = ++asked;
      const found = await api("GET", `/profile/notes?status=proposed&limit=${MOST}&conversation=${encodeURIComponent(conversation)}`);
      if (mine === asked && shown === now && found.ok) draw(found.body.items);
    };

    let waiting = false;
    new MutationObserver(() => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => ((waiting = false), look()));
    }).observe(document.documentElement, { childList: true, subtree: true });
    look();
  };

  // On the profile

  const notes = (element) => {
    const list = element.querySelector("#notes");
    const none = element.querySelector("#notes-none");
    const said = element.querySelector("#notes-said");
    const form = element.querySelector("#note-form");
    const text = form.elements["note-text"];
    let roster = [];

    const draw = async (focus) => {
      const [proposed, confirmed, artists] = await Promise.all([
        api("GET", "/profile/notes?status=proposed&limit=200"),
        api("GET", "/profile/notes?status=confirmed&limit=200"),
        api("GET", "/artists?limit=200"),
      ]);
      const failed = [proposed, confirmed].find((one) => !one.ok);
      if (failed) return say(said, failed.sentence, "bad");
      roster = artists.body?.items ?? [];
      const all = [...proposed.body.items, ...confirmed.body.items];
      list.replaceChildren(...all.map(row));
      none.hidden = all.length > 0;
      if (focus) (list.querySelector(focus) ?? text).focus();
    };

    const done = async (answer, words, focus) => {
      await draw(focus);
      say(said, answer.sentence || words, answer.ok ? "good" : "bad");
    };

    const facts = (note) => {
      const whose = roster.length > 1 && note.artist_id ? roster.find((one) => one.id === note.artist_id)?.name : "";
      const state = note.status === "proposed" ? "Offered, not used yet" : `Used in answers since ${day(note.updated)}`;
      return whose ? `About ${whose} · ${state}` : state;
    };

    const row = (note) => {
      const place = make("li", { class: "person", "data-id": note.id });
      const name = brief(note.text);
      const acts =
        note.status === "proposed"
          ? [
              button("Remember", name, async () => done(await api("PATCH", path(note), { status: "confirmed" }), "Remembered. Answers use it from now on.", `[data-id="${note.id}"] button`), "primary"),
              button("No", `do not keep ${name}`, async () => done(await api("PATCH", path(note), { status: "declined" }), "Not remembered, and not offered again.", "button")),
            ]
          : [button("Edit", name, (opener) => edit(place, note, opener)), button("Forget", name, () => forget(note))];
      place.append(make("div", { class: "what" }, make("span", { class: "title" }, note.text), make("span", { class: "facts" }, facts(note))), make("div", { class: "actions" }, ...acts));
      return place;
    };

    const forget = async (note) => {
      if (!(await window.aim.confirmed(`Forget “${brief(note.text)}”? Answers do not use it any more.`, "Forget"))) return;
      await done(await api("DELETE", path(note)), "Forgotten.", "button");
    };

    // The words, and whom they are about where there are several to choose from.
    const edit = (place, note, opener) => {
      if (place.querySelector("form")) return place.querySelector("textarea").focus();
      const id = `edit-${note.id}`;
      const words = make("textarea", { id, rows: "2", maxlength: text.maxLength, "aria-describedby": `${id}-wrong` });
      words.value = note.text;
      const whose = make("select", { id: `${id}-whose` }, make("option", { value: "" }, "Me, with every artist"), ...roster.map((one) => make("option", { value: one.id }, one.name)));
      whose.value = note.artist_id ?? "";
      const away = () => {
        changed.remove();
        opener.focus();
      };
      const changed = make(
        "form",
        { class: "line", novalidate: "" },
        make("div", { class: "field" }, make("label", { for: id }, "Note"), words, make("p", { class: "wrong", id: `${id}-wrong`, role: "alert", hidden: "" })),
        roster.length > 1 ? make("div", { class: "field whose" }, make("label", { for: `${id}-whose` }, "About"), whose) : "",
        make("button", { type: "submit", class: "primary" }, "Save"),
        button("Cancel", "", away),
      );
      changed.addEventListener("keydown", (event) => event.key === "Escape" && away());
      changed.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (!words.value.trim()) return wrong(words, "Write something, or forget the note.");
        const body = { text: words.value.trim(), ...(roster.length > 1 ? { artist_id: whose.value || null } : {}) };
        const answer = await api("PATCH", path(note), body);
        if (!answer.ok) return wrong(words, answer.sentence);
        await done(answer, "Changed.", `[data-id="${note.id}"] button`);
      });
      place.append(changed);
      words.focus();
    };

    text.addEventListener("input", () => wrong(text, ""));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!text.value.trim()) return wrong(text, "Write what is to be remembered.");
      const answer = await api("POST", "/profile/notes", { text: text.value.trim() });
      if (!answer.ok) return wrong(text, answer.sentence);
      form.reset();
      await done(answer, "Remembered. Answers use it from now on.", "");
      text.focus();
    });
    draw();
  };

  Object.assign(window.aim, { remember, notes });
})();
