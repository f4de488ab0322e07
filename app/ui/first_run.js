// The guided start, the list of first steps, and a question that waits for the chat page.
(() => {
  const { api, make, button, say } = window.aim.people;
  const QUESTION = "aim.question"; // put into the chat's field once; a question of ours, nothing of a user's
  const LOOK_MS = 1000;
  const MOST_LOOKS = 90;

  const askLater = (question) => {
    sessionStorage.setItem(QUESTION, question);
    location.assign("/app/");
  };

  // Into the field of the chat page, when Gradio has drawn it.
  const putQuestion = () => {
    const question = sessionStorage.getItem(QUESTION);
    if (!question || location.pathname !== "/app/") return;
    const put = () => {
      const place = document.querySelector("#question textarea");
      if (!place) return false;
      sessionStorage.removeItem(QUESTION);
      place.value = question;
      place.dispatchEvent(new Event("input", { bubbles: true }));
      place.focus();
      return true;
    };
    if (put()) return;
    const waiting = new MutationObserver(() => put() && waiting.disconnect());
    waiting.observe(document.documentElement, { childList: true, subtree: true });
  };

  const questionRows = (questions) =>
    questions.map((question) => {
      const ask = button(question, "", () => askLater(question), "ask");
      return make("li", {}, ask);
    });

  const wireSamples = (element) => {
    const add = element.querySelector("#samples-in");
    const state = element.querySelector("#samples-state");
    const asks = element.querySelector("#samples-ask");
    const show = (held) => {
      const ready = held.items.filter((one) => one.status === "ready").length;
      const failed = held.items.filter((one) => one.status === "failed").length;
      const whole = held.items.length >= held.available && ready + failed === held.items.length;
      add.hidden = held.items.length >= held.available;
      if (!held.items.length) return false;
      if (failed) say(state, "A sample could not be read; look at it on the page Knowledge.", "bad");
      else say(state, whole ? "The samples are ready." : `Reading the samples: ${ready} of ${held.available} ready.`, whole ? "good" : "");
      if (whole) {
        asks.querySelector("ul").replaceChildren(...questionRows(held.questions));
        asks.hidden = false;
      }
      return !whole;
    };
    const follow = async (looks) => {
      const found = await api("GET", "/account/samples");
      if (!found.ok) return say(state, found.sentence, "bad");
      if (show(found.body) && looks) setTimeout(() => follow(looks - 1), LOOK_MS);
    };
    add.addEventListener("click", async () => {
      add.disabled = true;
      const answer = await api("POST", "/account/samples");
      add.disabled = false;
      if (!answer.ok) return say(state, answer.sentence, "bad");
      show(answer.body);
      element.querySelector("#onward").focus();
      follow(MOST_LOOKS);
    });
    follow(MOST_LOOKS);
  };

  // The roster's first artist is named after the e-mail address until somebody says better.
  const nameArtist = async (name, role) => {
    const who = await window.aim.who();
    const found = await api("GET", "/artists?limit=2");
    const [only, another] = found.body?.items ?? [];
    if (!name || role === "manager" || !only || another || only.name !== who?.email.split("@")[0]) return;
    await api("PATCH", `/artists/${encodeURIComponent(only.id)}`, { name });
  };

  const welcome = async (element) => {
    const form = element.querySelector("#welcome-form");
    const screens = [...form.querySelectorAll(".screen")];
    const said = form.querySelector("#welcome-said");
    const [back, skip, onward] = ["back", "skip", "onward"].map((id) => form.querySelector(`#${id}`));
    let at = 0;
    let profile = null;

    const show = (number, focus = true) => {
      at = number;
      screens.forEach((screen, place) => (screen.hidden = place !== at));
      form.querySelector("progress").value = at + 1;
      form.querySelector("#course-words").textContent = `Step ${at + 1} of ${screens.length}`;
      const last = at === screens.length - 1;
      if (last) window.aim.whatToBring(screens[at].querySelector(".bring"));
      back.hidden = at === 0;
      skip.hidden = last;
      onward.textContent = last ? "Start asking" : "Continue";
      onward.className = last ? "plain" : "primary";
      say(said, "");
      if (focus) screens[at].querySelector("h1").focus();
    };
    const next = () => (at === screens.length - 1 ? location.assign("/app/") : show(at + 1));

    back.addEventListener("click", () => show(at - 1));
    skip.addEventListener("click", next);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (at === screens.length - 1) return next();
      if (!profile) return say(said, "Your profile is not here yet; reload the page.", "bad");
      onward.disabled = true;
      const answer = await api("PUT", "/profile", window.aim.readProfile(form, profile));
      if (answer.ok && at === 1) await nameArtist(answer.body.artist_name, answer.body.role);
      onward.disabled = false;
      if (!answer.ok) return say(said, answer.sentence, "bad");
      profile = answer.body;
      next();
    });
    show(0, false);
    wireSamples(element);
    const found = await api("GET", "/profile");
    if (!found.ok) return say(said, found.sentence, "bad");
    profile = found.body;
    window.aim.fillProfile(form, profile);
  };

  const TICK = "M3 8.5l3.2 3L13 4.5";
  const mark = (done) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", done ? TICK : "M8 2a6 6 0 100 12A6 6 0 008 2z");
    svg.append(path);
    return svg;
  };

  const firstSteps = (element) => {
    const draw = async () => {
      const place = document.querySelector(".first-steps .steps") ?? element; // Gradio may have made it anew
      const [found, held] = await Promise.all([api("GET", "/account/steps"), api("GET", "/account/samples")]);
      if (!found.ok) return;
      if (held.ok) document.querySelector("#no-documents")?.toggleAttribute("hidden", held.body.items.length > 0);
      const { steps, done, hidden } = found.body;
      place.hidden = hidden || done === steps.length;
      if (place.hidden) return place.replaceChildren();
      const away = button("Hide", "the first steps", async () => {
        const answer = await api("PUT", "/account/steps", { hidden: true });
        if (answer.ok) place.hidden = true;
      });
      const rows = steps.map((step) =>
        make("li", { class: step.done ? "done" : null }, mark(step.done), make("div", {}, step.done ? make("span", {}, step.title, make("span", { class: "unseen" }, ", done")) : make("a", { href: step.path }, step.title), step.done ? "" : make("span", { class: "facts" }, step.why))),
      );
      for (const row of rows)
        row.querySelector("a[href='/app/']")?.addEventListener("click", (event) => {
          const field = document.querySelector("#question textarea");
          if (!field) return;
          event.preventDefault();
          field.focus();
        });
      place.replaceChildren(make("div", { class: "top" }, make("h2", {}, "First steps"), make("span", { class: "facts" }, `${done} of ${steps.length} done`), away), make("ol", {}, ...rows), ...samples(held.body, steps));
    };
    const samples = (held, steps) => {
      if (!held) return [];
      if (held.items.length)
        return [make("p", { class: "facts" }, "The samples are among your documents. ", button("Remove samples", "", async () => (await api("DELETE", "/account/samples")).ok && draw(), "link"))];
      if (steps.find((step) => step.name === "document")?.done) return [];
      return [make("p", { class: "facts" }, "No paper at hand? ", button("Add sample documents", "", async () => (await api("POST", "/account/samples")).ok && draw(), "link"))];
    };
    // On the chat page, which may be drawn after this, it stands beside the conversation: only an empty one has room for it,
    // and leaving it asks anew. Elsewhere there is none.
    let empty = null;
    const look = () => {
      const is = !document.querySelector("#chat .message-row");
      if (is === empty) return;
      empty = is;
      if (is) draw();
    };
    let waiting = false;
    // The whole page, as Gradio may make any of its elements anew.
    new MutationObserver(() => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => ((waiting = false), look()));
    }).observe(document.documentElement, { childList: true, subtree: true });
    look();
  };

  Object.assign(window.aim, { welcome, firstSteps, askLater });
  putQuestion();
})();
