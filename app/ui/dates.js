// Days that documents name or that follow from them: proposed until they are confirmed, changed or put away; and days of one's own.
(() => {
  const { api, make, button, wrong, say } = window.aim.people;
  const { words, until } = window.aim.calendar;
  const { inlineForm, labelled, dateInput, textInput, pageButton, planChanged } = window.aim;

  const foundDates = (element) => {
    const part = (selector) => element.querySelector(selector);
    const said = part("#dates-said");
    const own = part("#date-form");

    const send = async (method, path, body, told) => {
      const answer = await api(method, path, body);
      if (answer.ok) {
        await draw();
        planChanged(element);
      }
      say(said, answer.sentence || told, answer.ok ? "good" : "bad");
      return answer.sentence;
    };

    const row = (one) => {
      const path = `/dates/${encodeURIComponent(one.id)}`;
      const place = make("li", { class: "person date", "data-date": one.id });
      const settle = (status, told) => async () => {
        await send("PATCH", path, { status }, told);
        part(".date button, summary")?.focus({ preventScroll: true });
      };
      const change = (opener) => {
        const [day, label] = [dateInput(one.day), textInput(one.label, 200)];
        const save = async () => {
          wrong(day, day.value ? "" : "Choose a day.");
          wrong(label, label.value.trim() ? "" : "Say what happens on that day.");
          const bad = [day, label].find((control) => control.hasAttribute("aria-invalid"));
          if (bad) return bad.focus(), true;
          return send("PATCH", path, { day: day.value, label: label.value.trim(), status: "accepted" }, `Confirmed for ${words(day.value)}.`);
        };
        place.querySelector("form")?.remove();
        place.append(inlineForm(opener, `Change ${one.label}`, one.status === "accepted" ? "Save" : "Save and confirm", [make("div", { class: "pair" }, labelled("Day", day), labelled("What happens", label))], save));
        day.focus();
      };
      const remove = async () => {
        if (await window.aim.confirmed(`Delete “${one.label}” for good?`, "Delete")) await send("DELETE", path, undefined, "Deleted.");
      };
      const acts = {
        proposed: () => [button("Confirm", one.label, settle("accepted", `Confirmed: ${one.label}.`)), button("Change", one.label, change), button("Put away", one.label, settle("declined", `Put away: ${one.label}.`))],
        accepted: () => [button("Change", one.label, change), one.document_id ? button("Put away", one.label, settle("declined", `Put away: ${one.label}.`)) : button("Delete", one.label, remove)],
        declined: () => [button("Bring back", one.label, settle("proposed", `Back to confirm: ${one.label}.`))],
      };
      place.append(
        make(
          "div",
          { class: "what" },
          make("span", { class: "title" }, make("time", { datetime: one.day }, words(one.day)), ` ${one.label}`),
          make("span", { class: "facts" }, [until(one.day), one.rule].filter(Boolean).join(" · ")),
          one.quote ? make("blockquote", {}, one.quote) : "",
          one.changed ? make("span", { class: "facts late" }, "The document was replaced and does not say this any more.") : "",
          one.document_id ? make("span", { class: "facts" }, one.title ? `${one.title} ` : "", pageButton(one, one.label)) : make("span", { class: "facts" }, "Added by you"),
        ),
        make("div", { class: "actions" }, ...acts[one.status]()),
      );
      return place;
    };

    const draw = async () => {
      const items = [];
      for (let after = ""; after !== null; ) {
        const found = await api("GET", `/dates?limit=200${after && `&after=${encodeURIComponent(after)}`}`);
        if (!found.ok) return say(said, found.sentence, "bad");
        items.push(...found.body.items);
        after = found.body.next ?? null;
      }
      // What is to come first, then what has passed.
      items.sort((one, other) => (one.days_left < 0) - (other.days_left < 0) || one.day.localeCompare(other.day));
      const held = (status) => items.filter((one) => one.status === status);
      const proposed = held("proposed");
      part("#dates-proposed").replaceChildren(...proposed.map(row));
      for (const [id, status, name] of [["confirmed", "accepted", "Confirmed"], ["away", "declined", "Put away"]]) {
        const some = held(status);
        const fold = part(`#dates-${id}`);
        fold.hidden = !some.length;
        fold.querySelector("summary").textContent = `${name} (${some.length})`;
        fold.querySelector("ul").replaceChildren(...some.map(row));
      }
      if (!proposed.length) say(said, items.length ? "Nothing waits to be confirmed." : "None yet. Dates show here once a contract of yours has been read.");
      else say(said, "");
    };

    own.addEventListener("input", (event) => wrong(event.target, ""));
    own.addEventListener("submit", async (event) => {
      event.preventDefault();
      const { "date-label": label, "date-day": day } = own.elements;
      wrong(label, label.value.trim() ? "" : "Say what happens on that day.");
      wrong(day, day.value ? "" : "Choose a day.");
      const bad = own.querySelector("[aria-invalid]");
      if (bad) return bad.focus();
      if (!(await send("POST", "/dates", { label: label.value.trim(), day: day.value }, `Added: ${label.value.trim()}.`))) own.reset();
    });
    draw();
  };

  Object.assign(window.aim, { foundDates });
})();
