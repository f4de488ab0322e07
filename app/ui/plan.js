// One plan: its head, what speaks against it, what is proposed, its steps by month, its budget.
(() => {
  const { api, make, button, wrong, say, count } = window.aim.people;
  const { words, month, until } = window.aim.calendar;
  const { stepRow, inlineForm, labelled, dateInput, textInput, pageButton, planChanged, proposalRow } = window.aim;
  const ENDED = { done: "Finished", dropped: "Put aside" };

  const panel = (id, heading, ...children) =>
    make("section", { class: "panel", id, "aria-labelledby": `${id}-heading` }, make("h2", { id: `${id}-heading` }, heading), ...children);

  const bar = (done, all) => {
    const meter = make("progress", { max: all || 1, value: done, "aria-label": "Progress" });
    return make("div", { class: "progress" }, meter, make("span", { class: "facts" }, `${done} of ${count(all, "step")} done`));
  };

  const moved = (one) => make("tr", {}, make("th", { scope: "row" }, one.title), make("td", {}, words(one.before)), make("td", { class: one.late ? "late" : null }, words(one.after)));

  // What another target day would do, as the service reckons it; nothing is written for it.
  const preview = ({ days, moves, stays, late, conflicts }) => {
    if (!days) return [make("p", { class: "facts" }, "This is the day it has now.")];
    const kept = stays.length;
    const told = [`${count(moves.length, "open step")} ${moves.length === 1 ? "moves" : "move"} by ${count(Math.abs(days), "day")}, ${days < 0 ? "earlier" : "later"}.`];
    if (kept) told.push(`${count(kept, "step")} ${kept === 1 ? "stays" : "stay"}: done, left out, or dated by you.`);
    const head = make("tr", {}, ...["Step", "Now", "Then"].map((name) => make("th", { scope: "col" }, name)));
    return [
      make("p", {}, told.join(" ")),
      late.length ? make("p", { class: "late" }, `${count(late.length, "step")} would be late at once: ${late.map((one) => one.title).join("; ")}.`) : "",
      ...conflicts.map((one) => make("p", { class: "late" }, one.text)),
      moves.length ? make("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": "What moves" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...moves.map(moved)))) : "",
    ].filter(Boolean);
  };

  const clause = (conflict, steps, keep) => {
    const step = steps.find((one) => one.id === conflict.step_id);
    const open = step && ["open", "snoozed"].includes(step.status);
    return make(
      "li",
      {},
      make("p", {}, conflict.text),
      make("blockquote", {}, conflict.quote),
      make("span", { class: "facts" }, `${conflict.title} `),
      pageButton(conflict, conflict.title),
      conflict.needed && open ? button(`Move it to ${words(conflict.needed)}`, `“${step.title}”`, () => keep(step, conflict.needed), "link") : "",
    );
  };

  const sum = (amount, currency) => (amount === null ? "" : `${amount.replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, " ")}${currency ? ` ${currency}` : ""}`);
  const budget = (found) => {
    if (!found) return null;
    const known = found.rows.some((row) => row.amount !== null);
    const columns = ["For", "Share", ...(known ? ["Amount"] : [])];
    const cells = (row) => [make("th", { scope: "row" }, row.item, row.note ? make("small", {}, row.note) : ""), make("td", {}, `${row.share} %`), known ? make("td", {}, sum(row.amount, found.currency)) : ""];
    const body = found.rows.map((row) => make("tr", {}, ...cells(row).filter(Boolean)));
    const head = make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, name)));
    const total = found.total === null ? "Name a sum in the goal and the amounts are worked out; the shares are a starting point." : `${sum(found.total, found.currency)} in all, as your goal says.`;
    const from = found.source ? `The shares are from: ${[found.source.title, found.source.heading].filter(Boolean).join(", ")}.` : "";
    return panel(
      "plan-budget",
      "Budget",
      make("p", { class: "lead" }, [total, found.note].filter(Boolean).join(" ")),
      make("div", { class: "scrolls", tabindex: "0", role: "region", "aria-label": "Budget table" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body))),
      make("p", { class: "facts" }, from),
    );
  };

  const byMonth = (rows) => {
    const months = new Map();
    for (const row of rows) {
      const name = month(row.step.due);
      if (!months.has(name)) months.set(name, []);
      months.get(name).push(row);
    }
    return [...months].map(([name, some]) => make("div", { class: "month" }, make("h3", {}, name), make("ol", { class: "steps", "aria-label": name }, ...some.map((row) => row.element))));
  };

  // `names`: {artist(id)}; `leave(words)` goes back to the list.
  const showPlan = async (place, id, wanted, names, leave) => {
    const rows = new Map(); // step id -> row
    let plan = null;
    let hiding = false;
    const path = `/plans/${encodeURIComponent(id)}`;
    const said = make("p", { class: "said", role: "status" });
    place.replaceChildren(make("p", { class: "facts", role: "status" }, "Opening the plan …"));

    const load = async () => {
      const [found, offered] = await Promise.all([api("GET", path), api("GET", `${path}/proposals`)]);
      if (!found.ok) {
        place.replaceChildren(make("p", { class: "facts" }, make("a", { href: "/app/plans#", class: "back" }, "All plans")), make("p", { class: "said bad", role: "alert" }, found.status === 404 ? "This plan is not here any more." : found.sentence));
        return false;
      }
      plan = found.body;
      draw((offered.body?.items ?? []).filter((one) => one.status === "proposed"));
      return true;
    };
    const send = async (method, to, body) => {
      const answer = await api(method, to, body);
      if (answer.ok) {
        await load();
        planChanged();
      }
      return answer;
    };
    const change = async (body, told) => {
      const answer = await send("PATCH", path, body);
      say(said, answer.sentence || told, answer.ok ? "good" : "bad");
      return answer.sentence;
    };
    const holder = { plan: () => plan, send };

    // What stands for good; `draw` fills it.
    const [title, goal, facts, meter, notices] = [make("h1", { tabindex: "-1" }), make("p", { class: "goal" }), make("p", { class: "facts" }), make("div"), make("div", { class: "notices" })];
    const [tools, slot, steps, foot] = [make("div", { class: "actions" }), make("div", { class: "slot" }), make("div"), make("div")];
    const exports = make("div", { class: "exports", "data-kind": "plan", "data-id": id });
    const openForm = (form) => {
      slot.replaceChildren(form);
      form.querySelector("input, textarea").focus();
    };

    const move = button("Move the target day", "", (opener) => {
      const input = dateInput(plan.target_date);
      const seen = make("div", { class: "preview", "aria-live": "polite" });
      const look = async () => {
        const day = input.value;
        wrong(input, "");
        if (!day) return seen.replaceChildren();
        const found = await api("GET", `${path}/preview?target_date=${day}`);
        if (day !== input.value) return;
        if (found.ok) seen.replaceChildren(...preview(found.body));
        else (seen.replaceChildren(), wrong(input, found.sentence));
      };
      input.addEventListener("input", look);
      const save = async () => {
        wrong(input, input.value ? "" : "Choose a day.");
        if (!input.value) return input.focus(), true;
        return input.value === plan.target_date ? "" : change({ target_date: input.value }, `The target day is ${words(input.value)} now.`);
      };
      openForm(inlineForm(opener, "Move the target day", "Move it", [labelled("New target day", input), seen], save));
      look();
    });
    const edit = button("Edit name and goal", "", (opener) => {
      const [name, aim] = [textInput(plan.title, 200), textInput(plan.goal, 2000, 3)];
      const save = async () => {
        wrong(name, name.value.trim() ? "" : "Type a name.");
        if (!name.value.trim()) return name.focus(), true;
        return change({ title: name.value.trim(), goal: aim.value.trim() }, "Saved.");
      };
      openForm(inlineForm(opener, "Edit name and goal", "Save", [labelled("Name of the plan", name), labelled("Goal", aim)], save));
    });
    const finish = button("Mark as finished", "", () => change({ status: plan.status === "open" ? "done" : "open" }, plan.status === "open" ? "Finished. Its steps are out of the deadlines." : "Under way again."));
    const aside = button("Put aside", "", () => change({ status: "dropped" }, "Put aside. Its steps are out of the deadlines."));
    const remove = button("Delete plan", "", async () => {
      if (!(await window.aim.confirmed(`Delete “${plan.title}” with its steps and comments for good?`, "Delete"))) return;
      const answer = await api("DELETE", path);
      if (!answer.ok) return say(said, answer.sentence, "bad");
      planChanged();
      leave(`“${plan.title}” was deleted.`);
    });
    tools.append(move, edit, finish, aside, remove);

    const hide = button("Hide done", "", () => {
      hiding = !hiding;
      hide.setAttribute("aria-pressed", String(hiding));
      steps.classList.toggle("hiding", hiding);
    });
    hide.setAttribute("aria-pressed", "false");
    const add = button("Add a step", "", (opener) => {
      const [name, due, owner] = [textInput("", 300), dateInput(plan.target_date), textInput("", 100)];
      const save = async () => {
        wrong(name, name.value.trim() ? "" : "Type what is to be done.");
        wrong(due, due.value ? "" : "Choose a day.");
        const bad = [name, due].find((control) => control.hasAttribute("aria-invalid"));
        if (bad) return bad.focus(), true;
        return (await send("POST", `${path}/steps`, { title: name.value.trim(), due: due.value, ...(owner.value.trim() ? { owner: owner.value.trim() } : {}) })).sentence;
      };
      adding.replaceChildren(inlineForm(opener, "Add a step", "Add it", [labelled("What is to be done", name), make("div", { class: "pair" }, labelled("Day", due), labelled("Who does it", owner))], save));
      name.focus();
    });
    const adding = make("div", { class: "slot" });

    const notice = (offered) => {
      const found = [];
      if (offered.length) {
        const decide = (one, word) => async () => {
          const answer = await send("POST", `${path}/proposals/${encodeURIComponent(one.id)}/${word}`);
          say(said, answer.sentence || (word === "accept" ? "Accepted; the plan is changed." : "Declined; nothing changed."), answer.ok ? "good" : "bad");
          title.focus({ preventScroll: true });
        };
        found.push(panel("plan-proposals", "The chat proposes", make("p", { class: "lead" }, "Nothing of it holds before you accept it."), make("ul", { class: "rows" }, ...offered.map((one) => proposalRow(one, decide(one, "accept"), decide(one, "decline"))))));
      }
      if (plan.conflicts?.length) found.push(panel("plan-conflicts", "Your contracts say otherwise", make("ul", { class: "notes" }, ...plan.conflicts.map((one) => clause(one, plan.steps, keep))), make("p", { class: "facts" }, "Not legal advice: read the clause, and ask a lawyer where it matters.")));
      if (plan.late?.length) found.push(panel("plan-late", `${count(plan.late.length, "step")} ${plan.late.length === 1 ? "is" : "are"} late`, make("p", { class: "lead" }, "Do these first, or move the target day."), make("ul", { class: "notes" }, ...plan.late.map(lateRow))));
      if (plan.warnings?.length) found.push(panel("plan-warnings", "Look at these again", make("ul", { class: "notes" }, ...plan.warnings.map((one) => make("li", {}, `${one.text} `, one.step_id ? button("Show the step", one.text, () => reveal(one.step_id), "link") : "")))));
      return found;
    };
    const lateRow = (one) => make("li", {}, button(one.title, "", () => reveal(one.step_id), "link"), make("span", { class: "facts" }, ` was due ${words(one.due)}, ${count(one.days, "day")} ago`));
    const keep = async (step, due) => {
      const answer = await send("PATCH", `${path}/steps/${encodeURIComponent(step.id)}`, { due });
      say(said, answer.sentence || `“${step.title}” is due ${words(due)} now.`, answer.ok ? "good" : "bad");
      title.focus({ preventScroll: true });
    };

    const reveal = (step) => {
      const row = rows.get(step);
      if (!row) return;
      row.open(true);
      row.element.scrollIntoView({ block: "center" });
      row.focus();
    };

    const drawSteps = () => {
      const held = document.activeElement;
      const known = new Set(plan.steps.map((step) => step.id));
      for (const gone of [...rows.keys()].filter((key) => !known.has(key))) rows.delete(gone);
      for (const step of plan.steps) rows.has(step.id) ? rows.get(step.id).update(step) : rows.set(step.id, stepRow(holder, step));
      const sorted = plan.steps.map((step, number) => [step, number]).sort(([a, i], [b, j]) => a.due.localeCompare(b.due) || i - j);
      steps.replaceChildren(...byMonth(sorted.map(([step]) => rows.get(step.id))));
      hide.hidden = !plan.steps.some((step) => ["done", "dropped"].includes(step.status));
      if (steps.contains(held)) held.focus({ preventScroll: true });
    };

    const draw = (offered) => {
      title.replaceChildren(plan.title, ENDED[plan.status] ? make("span", { class: "mark" }, ENDED[plan.status]) : "");
      goal.textContent = plan.goal;
      goal.hidden = !plan.goal || plan.title.includes(plan.goal);
      facts.textContent = [names.artist(plan.artist_id), `${plan.target || "Target day"} ${words(plan.target_date)}, ${until(plan.target_date)}`].filter(Boolean).join(" · ");
      meter.replaceChildren(bar(plan.done, plan.total));
      finish.firstChild.textContent = plan.status === "open" ? "Mark as finished" : "Take up again";
      aside.hidden = plan.status !== "open";
      notices.replaceChildren(...notice(offered));
      drawSteps();
      const unknown = plan.unknowns.length
        ? panel("plan-unknowns", "Still unknown", make("p", { class: "lead" }, "Neither your profile nor your documents say this, and nothing is assumed."), make("ul", { class: "notes" }, ...plan.unknowns.map((text) => make("li", {}, text))))
        : null;
      const made = plan.notes.length ? panel("plan-notes", "How this plan was made", make("ul", { class: "notes" }, ...plan.notes.map((text) => make("li", {}, text)))) : null;
      foot.replaceChildren(...[budget(plan.budget), unknown, made].filter(Boolean));
    };

    if (!(await load())) return;
    place.replaceChildren(
      make("p", { class: "facts" }, make("a", { href: "/app/plans#", class: "back" }, "All plans")),
      make("header", { class: "panel plan-head" }, title, goal, facts, meter, tools, exports, slot, said),
      notices,
      make("section", { class: "panel", id: "plan-steps", "aria-labelledby": "plan-steps-heading" }, make("div", { class: "top" }, make("h2", { id: "plan-steps-heading" }, "Steps"), hide), steps, make("div", { class: "end" }, add), adding),
      foot,
    );
    if (wanted) reveal(wanted);
    else title.focus({ preventScroll: true });
  };

  Object.assign(window.aim, { showPlan, planBar: bar });
})();
