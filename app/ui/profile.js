// The profile page: the form, the roster, and artists that others offer.
(() => {
  const { api, make, button, wrong, say, count } = window.aim.people;
  const WORDS = ["artist_name", "genres", "goals", "audience", "bio"];
  const CHOSEN = ["role", "stage"];

  // What stands in the form and in the profile; a word of before that is no choice of ours is kept.
  const read = (form, before) => {
    const profile = { ...before };
    for (const name of WORDS) if (form.elements[name]) profile[name] = form.elements[name].value.trim();
    for (const name of CHOSEN) profile[name] = form.querySelector(`[name=${name}]:checked`)?.value ?? before[name] ?? "";
    return profile;
  };
  const fill = (form, profile) => {
    for (const name of WORDS) if (form.elements[name]) form.elements[name].value = profile[name];
    for (const name of CHOSEN) for (const input of form.querySelectorAll(`[name=${name}]`)) input.checked = input.value === profile[name];
  };

  const wireForm = async (element) => {
    const form = element.querySelector("#profile-form");
    const said = form.querySelector(".said");
    const found = await api("GET", "/profile");
    if (!found.ok) return say(said, found.sentence, "bad");
    let profile = found.body;
    fill(form, profile);
    let unsaved = false;
    form.addEventListener("input", () => {
      unsaved = true;
      say(said, "Not saved yet.");
    });
    addEventListener("beforeunload", (event) => unsaved && event.preventDefault());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const save = form.querySelector("[type=submit]");
      save.disabled = true;
      const answer = await api("PUT", "/profile", read(form, profile));
      save.disabled = false;
      if (!answer.ok) return say(said, answer.sentence, "bad");
      unsaved = false;
      profile = answer.body;
      say(said, "Saved. Answers use it from now on.", "good");
    });
  };

  const wireRoster = (element) => {
    const list = element.querySelector("#roster");
    const said = element.querySelector("#roster-said");
    const form = element.querySelector("#artist-form");
    const name = form.elements["artist-name"];

    const draw = async (focus) => {
      const found = await api("GET", "/artists?limit=200");
      if (!found.ok) return say(said, found.sentence, "bad");
      list.replaceChildren(...found.body.items.map((artist) => row(artist, found.body.items.length)));
      if (focus) list.querySelector(focus)?.focus();
    };

    // One line of fields under a row: asks for `label`, sends it, and goes away.
    const ask = (place, opener, label, value, word, kind, send, ...more) => {
      place.querySelector("form")?.remove();
      const id = `ask-${place.dataset.id}`;
      const input = make("input", { id, type: kind, maxlength: kind === "email" ? 254 : 200, autocomplete: "off", "aria-describedby": `${id}-wrong` });
      input.value = value;
      const away = () => {
        asked.remove();
        opener.focus();
      };
      const asked = make(
        "form",
        { class: "line", novalidate: "" },
        make("div", { class: "field" }, make("label", { for: id }, label), input, make("p", { class: "wrong", id: `${id}-wrong`, role: "alert", hidden: "" })),
        make("button", { type: "submit", class: "primary" }, word),
        ...more,
        button("Cancel", "", away),
      );
      asked.addEventListener("keydown", (event) => event.key === "Escape" && away());
      asked.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (!input.value.trim()) return wrong(input, kind === "email" ? "Type an e-mail address." : "Type a name.");
        const sentence = await send(input.value.trim());
        if (sentence) wrong(input, sentence);
      });
      place.append(asked);
      input.select();
      input.focus();
    };

    const row = (artist, all) => {
      const path = `/artists/${encodeURIComponent(artist.id)}`;
      const place = make("li", { class: "person", "data-id": artist.id });
      const rename = (opener) =>
        ask(place, opener, "New name", artist.name, "Save", "text", async (wanted) => {
          const answer = await api("PATCH", path, { name: wanted });
          if (!answer.ok) return answer.sentence;
          await draw(`[data-id="${artist.id}"] button`);
          say(said, `Renamed to ${wanted}.`, "good");
        });
      const handOver = (opener) => {
        const back = button("Take back an open offer", "", async () => {
          const answer = await api("DELETE", `${path}/handover`);
          await draw(`[data-id="${artist.id}"] button`);
          say(said, answer.sentence || "No offer is open now.", answer.ok ? "good" : "bad");
        });
        const send = async (email) => {
          const answer = await api("POST", `${path}/handover`, { email });
          if (!answer.ok) return answer.sentence;
          await draw(`[data-id="${artist.id}"] button`);
          say(said, `${answer.body.detail} Until then ${artist.name} stays with you; then all its documents and conversations move.`, "good");
        };
        ask(place, opener, "E-mail of who takes over", "", "Offer", "email", send, back);
      };
      const remove = async () => {
        const what = artist.documents ? `${count(artist.documents, "document")}, all conversations` : "All conversations";
        const question = `Delete “${artist.name}” for good? ${what} about ${artist.name} and the answers that used them go too. Hand the artist over instead if somebody else needs them.`;
        if (!(await window.aim.confirmed(question, "Delete"))) return;
        const answer = await api("DELETE", path);
        await draw();
        say(said, answer.sentence || `${artist.name} was deleted.`, answer.ok ? "good" : "bad");
        name.focus();
      };
      const only = all < 2;
      place.append(
        make("div", { class: "what" }, make("span", { class: "title" }, artist.name), make("span", { class: "facts" }, only ? "Your only artist; it cannot be deleted or handed over" : count(artist.documents, "document"))),
        make("div", { class: "actions" }, button("Rename", artist.name, rename), only ? "" : button("Hand over", artist.name, handOver), only ? "" : button("Delete", artist.name, remove)),
      );
      return place;
    };

    name.addEventListener("input", () => wrong(name, ""));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const wanted = name.value.trim();
      if (!wanted) return wrong(name, "Type a name.");
      const answer = await api("POST", "/artists", { name: wanted });
      if (!answer.ok) return wrong(name, answer.sentence);
      form.reset();
      await draw();
      say(said, `${wanted} was added.`, "good");
    });
    draw();
    return { draw, said };
  };

  const wireOffers = (element, roster) => {
    const panel = element.querySelector("#offered");
    const list = element.querySelector("#offers");
    const draw = async () => {
      const found = await api("GET", "/artists/offers?limit=200");
      if (!found.ok) return;
      panel.hidden = !found.body.items.length;
      list.replaceChildren(...found.body.items.map(row));
    };
    const act = async (offer, word, sentence) => {
      const answer = await api("POST", `/artists/offers/${encodeURIComponent(offer.id)}/${word}`);
      say(roster.said, answer.sentence || sentence, answer.ok ? "good" : "bad");
      await Promise.all([draw(), roster.draw()]);
      element.querySelector("#artist-name").focus({ preventScroll: false });
    };
    const row = (offer) =>
      make(
        "li",
        { class: "person" },
        make("div", { class: "what" }, make("span", { class: "title" }, offer.artist), make("span", { class: "facts" }, `From ${offer.from_email}, with all documents and conversations`)),
        make(
          "div",
          { class: "actions" },
          button("Accept", offer.artist, () => act(offer, "accept", `${offer.artist} is yours now; its documents are being read anew.`), "primary"),
          button("Decline", offer.artist, () => act(offer, "decline", `You declined ${offer.artist}.`)),
        ),
      );
    draw();
  };

  window.aim.profile = (element) => {
    wireForm(element);
    window.aim.notes(element);
    wireOffers(element, wireRoster(element));
  };
  window.aim.readProfile = read;
  window.aim.fillProfile = fill;
})();
