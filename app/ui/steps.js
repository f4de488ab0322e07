// A step of a plan as a row: checked off, snoozed, edited in place, talked about. Once made, only what changed is written, so
// that an open form and the focus stay. `holder`: {plan(), send(method, path, body)} -> {ok, sentence}.
(() => {
  const { make, button, wrong, say, day, count } = window.aim.people;
  const { words, until, shift, today } = window.aim.calendar;
  const { pageButton } = window.aim;
  const EDITED = { title: "title", due: "day", owner: "who does it", effort: "effort", reason: "reason" };
  const FIELDS = [["title", "What is to be done", 300], ["owner", "Who does it", 100], ["effort", "Effort", 60]];
  const SNOOZES = [["A week", 7], ["Two weeks", 14], ["A month", 30]];

  const large = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  let numbers = 0;
  const labelled = (words, control) => {
    const id = `field-${(numbers += 1)}`;
    control.id = id;
    control.setAttribute("aria-describedby", `${id}-wrong`);
    return make("div", { class: "field" }, make("label", { for: id }, words), control, make("p", { class: "wrong", id: `${id}-wrong`, role: "alert", hidden: "" }));
  };
  const dateInput = (value) => {
    const input = make("input", { type: "date", min: "2000-01-01", max: "2100-12-31", required: "" });
    input.value = value;
    return input;
  };
  const textInput = (value, most, lines = 1) => {
    const input = make(lines > 1 ? "textarea" : "input", { maxlength: most, autocomplete: "off", ...(lines > 1 ? { rows: lines } : { type: "text" }) });
    input.value = value ?? "";
    return input;
  };

  // A form below `opener` that closes on Escape and gives the focus back; `send` resolves with a sentence where it was refused.
  const inlineForm = (opener, name, word, parts, send, more = []) => {
    const away = () => {
      form.remove();
      if (opener.isConnected) opener.focus();
    };
    const trouble = make("p", { class: "said bad", role: "alert" });
    const done = make("button", { type: "submit", class: "primary" }, word);
    const form = make("form", { class: "inline", novalidate: "", "aria-label": name }, ...parts, make("div", { class: "end" }, done, ...more, button("Cancel", "", away), trouble));
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      away();
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      done.disabled = true;
      const sentence = await send();
      done.disabled = false;
      if (sentence) trouble.textContent = sentence === true ? "" : sentence;
      else away();
    });
    return form;
  };

  const fact = (term, ...told) => [make("dt", {}, term), make("dd", {}, ...told)];

  const away = (source, name) => make("a", { href: source.url, target: "_blank", rel: "noopener noreferrer" }, name);
  // A guideline anybody can look up, or a passage of a document.
  const named = (source) => {
    const name = [source.title, source.heading].filter(Boolean).join(", ");
    return source.url?.startsWith("https://") ? away(source, `${name} (another website)`) : name;
  };
  const lead = (days, source) => {
    const far = days > 0 ? `${count(days, "day")} before the target day` : days < 0 ? `${count(-days, "day")} after the target day` : "on the target day";
    return [`${far}, from `, named(source)];
  };

  const sourceRow = (source) =>
    make(
      "li",
      {},
      make("span", { class: "facts" }, `${source.kb === "global" ? "Industry" : "Yours"}: `),
      make("span", {}, named(source)),
      source.document_id ? make("span", {}, " ", pageButton(source, source.title)) : "",
      source.quote ? make("details", {}, make("summary", {}, "Its words"), make("blockquote", {}, source.quote)) : "",
    );

  const details = (step, plan) => {
    const before = step.depends_on.map((key) => plan.steps.find((one) => one.key === key)).filter(Boolean);
    const list = make("dl", { class: "told" });
    if (step.reason) list.append(...fact("Why", step.reason));
    if (before.length) list.append(...fact("After", before.map((one) => `${one.title}${one.status === "done" ? " (done)" : ""}`).join("; ")));
    if (step.lead) list.append(...fact("Lead time", ...lead(step.lead.days, step.lead.source)));
    if (step.unknown) list.append(...fact("Find out", step.unknown));
    if (step.by !== "template") list.append(...fact("Added", step.by === "hand" ? "by you" : "by the language model, from your goal"));
    if (step.edited.length) list.append(...fact("By hand", `You changed the ${step.edited.map((name) => EDITED[name] ?? name).join(", the ")}; nothing else writes over it.`));
    const parts = [list];
    if (step.sources.length) parts.push(make("h4", {}, "Rests on"), make("ul", { class: "rests" }, ...step.sources.map(sourceRow)));
    return parts;
  };

  const comment = (one) => make("li", {}, make("p", {}, one.text), make("span", { class: "facts" }, day(one.created)));

  const marks = (step) => {
    const told = [];
    if (step.status === "snoozed" && step.snoozed_until) told.push(["", `Snoozed until ${words(step.snoozed_until)}`]);
    if (step.status === "dropped") told.push(["", "Not needed"]);
    if (step.by === "hand") told.push(["", "Added by you"]);
    else if (step.edited.length) told.push(["", "Edited by hand"]);
    if (step.comments.length) told.push(["", count(step.comments.length, "comment")]);
    return told.map(([look, text]) => make("span", { class: `mark ${look}` }, text));
  };

  const stepRow = (holder, first) => {
    const row = { step: first };
    const path = () => `/plans/${encodeURIComponent(holder.plan().id)}/steps/${encodeURIComponent(first.id)}`;
    const said = make("p", { class: "said", role: "status" });
    const send = async (method, more, body, words = "") => {
      const answer = await holder.send(method, path() + more, body);
      say(said, answer.sentence || words, answer.ok ? "good" : "bad");
      return answer;
    };
    const patch = (body, words) => send("PATCH", "", body, words);

    const check = make("input", { type: "checkbox", class: "check" });
    const title = make("button", { type: "button", class: "title", "aria-expanded": "false", "aria-controls": `more-${first.id}` });
    const [facts, due] = [make("span", { class: "facts" }), make("span", { class: "due" })];
    const told = make("div");
    const talk = make("ul", { class: "talk", "aria-label": "Comments" });
    const slot = make("div", { class: "slot" });
    const openForm = (form) => {
      slot.replaceChildren(form);
      form.querySelector("input, textarea, select").focus();
    };

    check.addEventListener("change", async () => {
      check.disabled = true;
      const answer = await patch({ status: check.checked ? "done" : "open" });
      check.disabled = false;
      if (!answer.ok) check.checked = row.step.status === "done";
      check.focus({ preventScroll: true });
    });
    title.addEventListener("click", () => row.open(more.hidden));

    const edit = button("Edit", first.title, (opener) => {
      const controls = Object.fromEntries(FIELDS.map(([name, , most]) => [name, textInput(row.step[name], most)]));
      Object.assign(controls, { due: dateInput(row.step.due), reason: textInput(row.step.reason, 2000, 3) });
      const [what, who, effort] = FIELDS.map(([name, label]) => labelled(label, controls[name]));
      const parts = [what, make("div", { class: "pair" }, labelled("Day", controls.due), who), effort, labelled("Why", controls.reason)];
      const save = async () => {
        wrong(controls.title, controls.title.value.trim() ? "" : "Type what is to be done.");
        wrong(controls.due, controls.due.value ? "" : "Choose a day.");
        const bad = Object.values(controls).find((control) => control.hasAttribute("aria-invalid"));
        if (bad) return bad.focus(), true;
        const wanted = Object.entries(controls).map(([name, control]) => [name, control.value.trim()]);
        const changes = Object.fromEntries(wanted.filter(([name, value]) => value !== (row.step[name] ?? "")));
        if (!Object.keys(changes).length) return "";
        return (await patch(changes, "Saved.")).sentence;
      };
      openForm(inlineForm(opener, `Edit ${row.step.title}`, "Save", parts, save));
    });

    const snooze = button("Snooze", first.title, (opener) => {
      if (row.step.status === "snoozed") return patch({ status: "open", snoozed_until: null }, "Back among the open steps.");
      const input = dateInput(shift(today(), 7));
      const quick = SNOOZES.map(([name, days]) => button(name, "", () => (input.value = shift(today(), days))));
      const save = async () => {
        wrong(input, input.value > today() ? "" : "Choose a day after today.");
        if (input.hasAttribute("aria-invalid")) return input.focus(), true;
        return (await patch({ status: "snoozed", snoozed_until: input.value }, `Snoozed until ${words(input.value)}; its day stays.`)).sentence;
      };
      openForm(inlineForm(opener, `Snooze ${row.step.title}`, "Snooze", [labelled("Leave it out of what is next until", input), make("div", { class: "actions" }, ...quick)], save));
    });

    const talkTo = button("Comment", first.title, (opener) => {
      const text = textInput("", 2000, 2);
      const save = async () => {
        wrong(text, text.value.trim() ? "" : "Type a comment.");
        if (text.hasAttribute("aria-invalid")) return text.focus(), true;
        return (await send("POST", "/comments", { text: text.value.trim() }, "Comment added.")).sentence;
      };
      openForm(inlineForm(opener, `Comment on ${row.step.title}`, "Add comment", [labelled("Comment", text)], save));
    });

    const drop = button("Not needed", first.title, () => patch({ status: row.step.status === "dropped" ? "open" : "dropped" }, row.step.status === "dropped" ? "Needed again." : "Marked as not needed."));
    const remove = button("Delete", first.title, async () => {
      if (!(await window.aim.confirmed(`Delete the step “${row.step.title}” and its comments for good?`, "Delete"))) return;
      await send("DELETE", "");
    });

    const more = make("div", { class: "more", id: `more-${first.id}`, hidden: "" }, told, talk, make("div", { class: "actions" }, edit, snooze, talkTo, drop, remove), slot);
    const head = make("div", { class: "head" }, make("label", { class: "tick" }, check), make("div", { class: "what" }, title, facts), due);
    row.element = make("li", { class: "step", "data-step": first.id }, head, more, said);

    row.open = (wanted) => {
      more.hidden = !wanted;
      title.setAttribute("aria-expanded", String(wanted));
    };
    row.focus = () => title.focus({ preventScroll: true });
    row.update = (step) => {
      const plan = holder.plan();
      row.step = step;
      row.element.className = `step ${step.status}`;
      check.checked = step.status === "done";
      check.setAttribute("aria-label", `Done: ${step.title}`);
      title.textContent = step.title;
      const open = step.status === "open" || step.status === "snoozed";
      due.replaceChildren(make("span", {}, words(step.due)), open ? make("span", { class: step.late ? "late" : "facts" }, step.late ? `${count(-step.days_left, "day")} late` : until(step.due)) : "");
      facts.replaceChildren(make("span", {}, large([step.owner, step.effort].filter(Boolean).join(" · "))), ...marks(step));
      told.replaceChildren(...details(step, plan));
      talk.replaceChildren(...step.comments.map(comment));
      talk.hidden = !step.comments.length;
      snooze.firstChild.textContent = step.status === "snoozed" ? "Wake up" : "Snooze";
      drop.firstChild.textContent = step.status === "dropped" ? "Needed after all" : "Not needed";
      snooze.hidden = !open;
      drop.hidden = step.status === "done";
      for (const one of [edit, snooze, talkTo, drop, remove]) one.setAttribute("aria-label", `${one.textContent}: ${step.title}`);
    };
    row.update(first);
    return row;
  };

  Object.assign(window.aim, { stepRow, inlineForm, labelled, dateInput, textInput });
})();
