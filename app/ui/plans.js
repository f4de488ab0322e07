// The plans page: the list, a new plan, and which of them is shown. The place stands in the address: #new=..., #plan=...
(() => {
  const { api, make, wrong, say, count } = window.aim.people;
  const { words, until, shift, today } = window.aim.calendar;
  const { planBar, planChanged, showPlan } = window.aim;
  const STATES = { done: "Finished", dropped: "Put aside" };

  const all = async (path) => {
    const items = [];
    for (let after = ""; after !== null; ) {
      const found = await api("GET", `${path}?limit=200${after && `&after=${encodeURIComponent(after)}`}`);
      if (!found.ok) return found;
      items.push(...found.body.items);
      after = found.body.next ?? null;
    }
    return { ok: true, items };
  };

  const card = (plan, names) => {
    const going = plan.status === "open";
    const facts = [names.artist(plan.artist_id), STATES[plan.status] ?? `${words(plan.target_date)}, ${until(plan.target_date)}`];
    const next = going && plan.next_step;
    return make(
      "li",
      { class: "plan-card" },
      make("a", { class: "title", href: `/app/plans#plan=${encodeURIComponent(plan.id)}` }, plan.title),
      make("span", { class: "facts" }, facts.filter(Boolean).join(" · ")),
      planBar(plan.done, plan.total),
      next ? make("span", { class: "facts" }, `Next: ${next.title}, ${words(next.due)}`) : "",
      going && plan.overdue ? make("span", { class: "facts late" }, `${count(plan.overdue, "step")} late`) : "",
    );
  };

  const wireForm = (form, names, made) => {
    const { "plan-goal": goal, "plan-date": date, "plan-artist": artist, "plan-title": title } = form.elements;
    const said = form.querySelector(".said");
    const trouble = form.querySelector("#template-wrong");
    const list = form.querySelector("#templates");
    const chosen = () => form.querySelector("[name=template]:checked");
    const label = form.querySelector("label[for=plan-date]");
    const near = form.querySelector("#plan-near");
    // A day that is too near is told before the plan is made.
    const look = () => {
      const template = names.templates.find((one) => one.id === chosen()?.value);
      label.textContent = template?.target ?? "Target day";
      goal.placeholder = template?.goal ?? "";
      if (!template) return (near.textContent = "");
      const ahead = template.days_before >= 14 ? `${Math.round(template.days_before / 7)} weeks` : count(template.days_before, "day");
      const late = date.value ? template.steps.filter((step) => !step.optional && shift(date.value, -step.lead.days) < today()).length : 0;
      near.textContent = late ? `That is near: ${count(late, "step")} would be late at once. A later day leaves time for them.` : template.days_before ? `The first step lies ${ahead} ahead of it.` : "";
      near.classList.toggle("late", late > 0);
    };
    form.addEventListener("input", (event) => {
      if (event.target.name === "template") trouble.hidden = true;
      else if (event.target.getAttribute("aria-describedby")) wrong(event.target, "");
      if (event.target.name === "template" || event.target === date) look();
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      trouble.textContent = "Choose what the plan is for.";
      trouble.hidden = Boolean(chosen());
      wrong(date, date.value ? "" : "Choose the day to plan for.");
      if (!chosen()) return list.querySelector("input")?.focus();
      if (!date.value) return date.focus();
      const save = form.querySelector("[type=submit]");
      save.disabled = true;
      say(said, "Making the plan: looking through your documents and the industry knowledge base …");
      const asked = { template: chosen().value, goal: goal.value.trim(), target_date: date.value, artist_id: artist.value || null };
      if (title.value.trim()) asked.title = title.value.trim();
      const answer = await api("POST", "/plans", asked);
      save.disabled = false;
      if (!answer.ok) return say(said, answer.sentence, "bad");
      form.reset();
      say(said, "");
      planChanged();
      made(answer.body.id);
    });
    // They come with every step: asked for when a plan is to be made. What fits the role stands first.
    const load = async () => {
      const [templates, role] = await Promise.all([api("GET", "/plans/templates"), api("GET", "/profile/role")]);
      if (!templates.ok) return say(said, templates.sentence, "bad");
      const fits = role.body?.plans ?? [];
      const place = (one) => (fits.includes(one.id) ? fits.indexOf(one.id) : fits.length);
      names.templates = templates.body.items.sort((one, other) => place(one) - place(other));
    };
    return async (wanted) => {
      if (wanted.get("goal")) goal.value = wanted.get("goal").slice(0, 2000);
      // A goal may hold a question from the chat: it is not left in the address.
      if (wanted.get("goal")) history.replaceState(null, "", `${location.pathname}#new`);
      form.querySelector("h1").focus({ preventScroll: true });
      if (!names.templates.length) await load();
      list.querySelectorAll("label").forEach((one) => one.remove());
      for (const one of names.templates)
        list.append(
          make("label", {}, make("input", { type: "radio", name: "template", value: one.id }), make("span", {}, make("strong", {}, one.title), make("small", {}, one.summary))),
        );
      const input = [...list.querySelectorAll("input")].find((one) => one.value === wanted.get("new"));
      if (input) input.checked = true;
      if (/^\d{4}-\d\d-\d\d$/.test(wanted.get("date") ?? "")) date.value = wanted.get("date");
      while (artist.options.length > 1) artist.remove(1);
      for (const one of names.artists) artist.append(make("option", { value: one.id }, one.name));
      form.querySelector("#plan-artist-field").hidden = names.artists.length < 2;
      artist.value = names.artists.length === 1 ? names.artists[0].id : names.artists.some((one) => one.id === wanted.get("artist")) ? wanted.get("artist") : "";
      look();
    };
  };

  const plansPage = async (element) => {
    const part = (selector) => element.querySelector(selector);
    const [form, one, said] = ["#plan-form", "#plan", "#plans-said"].map(part);
    const names = {
      templates: [],
      artists: [],
      artist: (id) => (names.artists.length < 2 ? "" : (names.artists.find((each) => each.id === id)?.name ?? "All artists")),
    };
    let told = "";

    const drawList = async () => {
      const found = await all("/plans");
      if (!found.ok) return say(said, found.sentence, "bad");
      const going = found.items.filter((plan) => plan.status === "open").sort((a, b) => a.target_date.localeCompare(b.target_date));
      const closed = found.items.filter((plan) => plan.status !== "open");
      part("#plan-list").replaceChildren(...going.map((plan) => card(plan, names)));
      part("#plans-closed").hidden = !closed.length;
      part("#plans-closed summary").textContent = `Finished and put aside (${closed.length})`;
      part("#plans-closed ul").replaceChildren(...closed.map((plan) => card(plan, names)));
      say(said, told || (found.items.length ? "" : "No plan yet. “New plan” makes one from a goal and a day."));
      told = "";
    };

    const fill = wireForm(form, names, (id) => location.replace(`${location.pathname}#plan=${encodeURIComponent(id)}`));
    const route = () => {
      const wanted = new URLSearchParams(location.hash.slice(1));
      const view = wanted.has("plan") ? "one" : wanted.has("new") ? "new" : "all";
      document.querySelector("#plans-page").dataset.view = view;
      form.hidden = view !== "new";
      one.hidden = view !== "one";
      if (view !== "one") one.replaceChildren();
      if (view === "new") fill(wanted);
      else if (view === "one") showPlan(one, wanted.get("plan"), wanted.get("step"), names, (words) => ((told = words), (location.hash = "")));
      else drawList();
      if (view !== "all" && !wanted.has("step")) scrollTo(0, 0);
      if (location.hash === "#dates-panel") document.querySelector("#dates-panel")?.scrollIntoView();
    };

    names.artists = (await all("/artists")).items ?? [];
    addEventListener("hashchange", () => element.isConnected && route());
    route();
  };

  Object.assign(window.aim, { plansPage });
})();
