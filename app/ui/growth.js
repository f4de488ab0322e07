// Growth on the dashboard: what the plot shows, entering figures one by one, changing and deleting them.
(() => {
  const { api, make, button, say, wrong, day, count } = window.aim.people;
  const PAGE = 20;
  const NAMES = { day: "growth-day", value: "growth-value", currency: "growth-currency", platform: "growth-platform" };

  let show = () => {}; // asks for the plot anew, of the kind of a figure if one is given

  // Gradio draws the choice anew with each answer, or changes it in place: the field that had the focus gets it back.
  // Answers may overtake each other: each tells the number of its question. Until the last has come a choice adds to what was
  // asked, not to what is drawn; and an earlier one that comes after the last is answered by asking once more.
  const growthChoice = (element, trigger) => {
    let focused = "", asked = 0, answered = 0, wish = {};
    const drawn = () => Object.fromEntries(new FormData(element.querySelector("form") ?? undefined));
    const ask = () => trigger("click", { ...wish, asked: String((asked += 1)) });
    const choose = (change) => {
      wish = { ...(answered === asked ? drawn() : wish), ...change };
      ask();
    };
    show = (figure) => choose(figure && { metric: `${figure.metric} ${figure.currency}`.trim() });
    element.addEventListener("change", (event) => {
      focused = event.target.name;
      choose({ [event.target.name]: event.target.value });
    });
    element.addEventListener("submit", (event) => event.preventDefault());
    new MutationObserver(() => {
      const told = element.querySelector("[data-asked]");
      if (Number(told?.dataset.asked) === asked) answered = asked;
      else if (told && answered === asked) ask();
      if (focused && document.activeElement === document.body) element.querySelector(`[name="${CSS.escape(focused)}"]`)?.focus();
    }).observe(element, { childList: true, subtree: true, attributeFilter: ["data-asked"] });
  };

  const today = () => {
    const now = new Date();
    return new Date(now - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
  };

  const named = new Map(); // artist's id -> name
  const roster = async (...selects) => {
    const found = await window.aim.artists().catch(() => []);
    for (const one of found) named.set(one.id, one.name);
    for (const select of selects) {
      window.aim.options(select, found.map((one) => [one.id, one.name]));
      select.closest(".field").hidden = found.length < 2;
    }
    return found;
  };

  // "1 840,50" as people write it: a comma before one or two last digits is a decimal sign, others part thousands.
  const plain = (typed) => {
    const text = typed.trim().replace(/[\s'’]/g, "");
    if (/^-?\d+,\d{1,2}$/.test(text)) return text.replace(",", ".");
    return /^-?\d{1,3}(,\d{3})+(\.\d+)?$/.test(text) ? text.replaceAll(",", "") : text;
  };

  const entry = (root, changed) => {
    const form = root.querySelector("#growth-entry");
    const said = form.querySelector(".said");
    const cancel = form.querySelector("[data-cancel]");
    const submit = form.querySelector("[type=submit]");
    const { metric, artist } = form.elements;
    const at = (name) => document.getElementById(NAMES[name]);
    let editing = null; // the figure that is being changed

    const money = () => (form.querySelector(".currency").hidden = metric.value !== "income");
    metric.addEventListener("change", money);
    const clean = () => Object.values(NAMES).forEach((id) => wrong(document.getElementById(id), ""));
    const rest = () => {
      editing = null;
      submit.textContent = "Keep";
      cancel.hidden = true;
      at("value").value = "";
    };
    cancel.addEventListener("click", () => {
      rest();
      say(said, "");
    });

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      clean();
      if (!at("day").value) return wrong(at("day"), "Choose the day."), at("day").focus();
      if (!/\d/.test(at("value").value)) return wrong(at("value"), "Type the number, such as 1840."), at("value").focus();
      const money = metric.value === "income";
      const body = {
        day: at("day").value,
        metric: metric.value,
        value: plain(at("value").value),
        currency: money ? at("currency").value : "",
        platform: at("platform").value,
        artist_id: artist.value || null,
      };
      submit.disabled = true;
      const answer = await api(editing ? "PATCH" : "POST", editing ? `/growth/${encodeURIComponent(editing)}` : "/growth", body);
      submit.disabled = false;
      if (!answer.ok) {
        const number = answer.status === 422 && answer.sentence.includes("'value'");
        return say(said, number ? "This is no number; write it like 1840 or 12.50." : answer.sentence, "bad");
      }
      say(said, `${editing ? "Changed" : "Kept"}: ${words(answer.body)}.`, "good");
      rest();
      at("value").focus();
      changed(answer.body);
    });

    at("day").value = today();
    at("day").max = today();
    money();
    roster(artist);
    return (figure) => {
      editing = figure.id;
      for (const name of Object.keys(NAMES)) at(name).value = figure[name];
      metric.value = figure.metric;
      artist.value = figure.artist_id ?? "";
      submit.textContent = "Save the change";
      cancel.hidden = false;
      clean();
      money();
      say(said, "");
      reveal(root, "growth-entry", true);
      at("value").focus();
      at("value").select();
    };
  };

  const number = (value) => value.replace(/\B(?=(\d{3})+(?!\d))/g, " ").replace(/(\.\d*) (\d)/g, "$1$2");
  const words = ({ value, metric, currency }) => (currency ? `${number(value)} ${currency}` : count(value, metric.replace(/s$/, "")).replace(value, number(value)));

  const kept = (root, changed, edit) => {
    const section = root.querySelector("#growth-list");
    const [list, more, said] = [section.querySelector("ul"), section.querySelector(".more"), section.querySelector(".said")];
    const gone = new Set(); // a list that was asked for before a deletion may come after it
    let next = null;

    const row = (figure) => {
      const about = `${words(figure)}, ${day(figure.day)}`;
      const facts = [day(figure.day), figure.platform, named.get(figure.artist_id), figure.source === "imported" ? "imported" : ""];
      const what = make("div", { class: "what" }, make("span", { class: "title" }, words(figure)), make("span", { class: "facts" }, facts.filter(Boolean).join(" · ")));
      const remove = async (pressed) => {
        if (!(await window.aim.confirmed(`Delete ${about}?`, "Delete"))) return;
        pressed.disabled = true;
        const answer = await api("DELETE", `/growth/${encodeURIComponent(figure.id)}`);
        pressed.disabled = false;
        if (!answer.ok) return say(said, answer.sentence, "bad");
        gone.add(figure.id);
        const drawn = [...list.children].find((one) => one.dataset.figure === figure.id); // it may have been drawn anew
        const following = drawn?.nextElementSibling ?? drawn?.previousElementSibling;
        drawn?.remove();
        say(said, list.children.length ? "Deleted." : "You keep no figures.");
        (following?.querySelector("button") ?? root.querySelector("[data-open=growth-list]")).focus();
        changed();
      };
      const acts = make("div", { class: "actions" }, button("Change", about, () => edit(figure)), button("Delete", about, remove));
      const item = make("li", { class: "person" }, what, acts);
      item.dataset.figure = figure.id;
      return item;
    };

    const load = async (after = "") => {
      await roster();
      const answer = await api("GET", `/growth?limit=${PAGE}${after && `&after=${encodeURIComponent(after)}`}`);
      if (!answer.ok) return say(said, answer.sentence, "bad");
      if (!after) list.replaceChildren();
      list.append(...answer.body.items.filter((one) => !gone.has(one.id)).map(row));
      next = answer.body.next;
      more.hidden = next === null;
      say(said, list.children.length ? "" : "You keep no figures.");
    };
    more.addEventListener("click", () => load(next));
    return load;
  };

  // One of the three is open at a time.
  const reveal = (root, id, wanted) => {
    for (const door of root.querySelectorAll("[data-open]")) {
      const open = wanted && door.dataset.open === id;
      door.setAttribute("aria-expanded", String(open));
      root.querySelector(`#${door.dataset.open}`).hidden = !open;
    }
  };

  const growthForms = (root) => {
    let load = () => {};
    const isOpen = (id) => !root.querySelector(`#${id}`).hidden;
    // `figure`: what was kept last, which is shown then.
    const changed = (figure) => show(figure);
    const edit = entry(root, changed);
    load = kept(root, changed, edit);
    window.aim.growthImport(root.querySelector("#growth-import"), changed);
    for (const door of root.querySelectorAll("[data-open]"))
      door.addEventListener("click", () => {
        reveal(root, door.dataset.open, !isOpen(door.dataset.open));
        if (isOpen("growth-list")) load();
      });
  };

  Object.assign(window.aim, { growthChoice, growthForms });
})();
