// The account page: password, sign-ins, access log, samples, deletion.
(() => {
  const { api, make, button, wrong, say, day, minute, ago, count } = window.aim.people;

  const wirePassword = (element, who) => {
    const form = element.querySelector("#password-form");
    if (who && !who.password) {
      form.replaceWith(make("p", { class: "lead" }, "You sign in through a provider; there is no password here to change."));
      return;
    }
    const said = form.querySelector(".said");
    const before = form.elements["old-password"];
    const after = form.elements["new-password"];
    const strength = form.querySelector("#strength");
    const shortest = Number(strength.dataset.shortest);
    form.elements.whose.value = who?.email ?? "";
    after.addEventListener("input", () => {
      const typed = [...after.value];
      const easy = new Set(typed).size < 6 || /^\d+$/.test(after.value) || (who && after.value.toLowerCase().includes(who.email.split("@")[0]));
      const words = !typed.length ? "" : typed.length < shortest ? `Too short: ${shortest - typed.length} more.` : easy ? "Easy to guess." : typed.length < 18 ? "Good." : "Strong.";
      if (strength.textContent !== words) strength.textContent = words;
      wrong(after, "");
    });
    before.addEventListener("input", () => wrong(before, ""));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      say(said, "");
      wrong(before, before.value ? "" : "Type your current password.");
      wrong(after, [...after.value].length < shortest ? `Choose at least ${shortest} characters.` : "");
      const first = form.querySelector("[aria-invalid]");
      if (first) return first.focus();
      const answer = await api("PUT", "/account/password", { old_password: before.value, new_password: after.value });
      if (answer.ok) {
        form.reset();
        strength.textContent = "";
        say(said, "Changed. Every other device is signed out.", "good");
        element.dispatchEvent(new Event("sign-ins"));
      } else if (answer.body?.error === "wrong_password") (wrong(before, answer.sentence), before.focus());
      else if (answer.body?.error === "weak_password") {
        wrong(after, answer.sentence);
        strength.textContent = "";
        after.focus();
      }
      else say(said, answer.sentence, "bad");
    });
  };

  const wireSignIns = (element) => {
    const list = element.querySelector("#sign-ins");
    const said = element.querySelector("#sign-ins-said");
    const others = element.querySelector("#others-out");
    const draw = async () => {
      const found = await api("GET", "/account/sessions?limit=200");
      if (!found.ok) return say(said, found.sentence, "bad");
      const items = found.body.items.sort((one, other) => other.current - one.current);
      list.replaceChildren(...items.map(row));
      others.hidden = items.length < 2;
    };
    const row = (one) => {
      const name = one.device || (one.kind === "api" ? "A program" : "A browser");
      const kept = one.trusted ? `, stays until ${day(one.expires)}` : "";
      const out = async () => {
        const answer = await api("DELETE", `/account/sessions/${encodeURIComponent(one.id)}`);
        say(said, answer.sentence || `${name} is signed out.`, answer.ok ? "good" : "bad");
        await draw();
        element.querySelector("#everywhere-out").focus({ preventScroll: true });
      };
      return make(
        "li",
        { class: "person" },
        make("div", { class: "what" }, make("span", { class: "title" }, name, one.current ? make("span", { class: "mark" }, "This device") : ""), make("span", { class: "facts" }, `Signed in ${minute(one.created)}, last used ${ago(one.last_seen)}${kept}`)),
        make("div", { class: "actions" }, one.current ? "" : button("Sign out", name, out)),
      );
    };
    others.addEventListener("click", async () => {
      const answer = await api("DELETE", "/account/sessions?others=true");
      say(said, answer.sentence || "Every other device is signed out.", answer.ok ? "good" : "bad");
      await draw();
    });
    element.querySelector("#everywhere-out").addEventListener("click", async () => {
      if (!(await window.aim.confirmed("Sign out on every device, this one too?", "Sign out"))) return;
      const answer = await api("DELETE", "/account/sessions");
      if (!answer.ok) return say(said, answer.sentence, "bad");
      window.aim.forget();
      location.assign("/login");
    });
    element.addEventListener("sign-ins", draw);
    draw();
  };

  // What an action was, for people; {} stands for what it was done to.
  const ACTIONS = {
    "chat.read": "Asked a question", search: "Searched", sign_in: "Signed in", register: "Opened this account", add_user: "Account opened by whoever runs this server",
    change_password: "Changed the password", reset_password: "Password set anew by an administrator", disable_user: "Account disabled", enable_user: "Account enabled", promote_user: "Made an administrator",
    "document.receive": "Added {}", "document.download": "Downloaded {}", "document.read": "Opened {}", "document.page": "Looked at a page of {}", "document.text": "Read the text of {}", "document.insight": "Looked at the details of {}", "date.list": "Looked at dates of documents", "date.create": "Added a date", "date.update": "Changed a date", "date.delete": "Removed a date", "document.update": "Changed {}",
    "document.delete": "Deleted {}", "document.retry": "Had {} read again", "document.cancel": "Cancelled {}", "document.replace": "Put a new version of {}",
    "artist.create": "Added the artist {}", "artist.rename": "Renamed the artist {}", "artist.delete": "Deleted an artist", "artist.offer": "Offered the artist {}", "artist.offer_withdrawn": "Took back the offer of {}",
    "artist.accept": "Took over the artist {}", "artist.decline": "Declined an artist", "conversation.delete": "Deleted a conversation", "conversation.read": "Opened {}", "account.export": "Downloaded everything",
    "note.create": "Had something remembered", "note.update": "Changed what is remembered", "note.delete": "Had something forgotten",
    "desk.read": "Looked for sources of a text", "draft.create": "Had a text written", "draft.delete": "Deleted a text",
    "plan.create": "Made a plan", "plan.update": "Changed a plan", "plan.delete": "Deleted a plan", "plan.sources": "Looked for sources of a plan", "plan.step_add": "Added a step to a plan", "plan.step_update": "Changed a step of a plan",
    "plan.step_delete": "Deleted a step of a plan", "plan.comment": "Commented on a step of a plan", "plan.accept": "Accepted a change of a plan", "plan.decline": "Declined a change of a plan",
    "growth.add": "Added a figure", "growth.change": "Changed a figure", "growth.delete": "Deleted a figure", "growth.import": "Imported figures", "draft.update": "Changed a text", "draft.export": "Exported a text",
    "plan.export": "Exported a plan", "message.export": "Exported an answer", "conversation.export": "Exported {}", "clauses.export": "Made a clause sheet",
    "share.create": "Made a link to {}", "share.revoke": "Revoked the link to {}", "share.open": "Somebody read {}",
    "audit.read": "Read this access log", "session.end": "Signed out a device", "session.end_all": "Signed out everywhere", "list_users": "Looked at the list of users", "system.read": "Looked at the system's state",
  };
  const DOORS = { session: "in the browser", token: "by a program", operator: "on the server itself", link: "through a link you shared", system: "by the server", anonymous: "" };

  const entry = (row, mine) => {
    const key = row.action.split(":")[0];
    const names = row.names ?? {};
    const name = names[row.object_id] ? `“${names[row.object_id]}”` : key.startsWith("document") ? "a document" : key.startsWith("artist") ? "an artist" : key.startsWith("conversation") ? "a conversation" : "something";
    const words = (ACTIONS[key] ?? key.replaceAll(/[._]/g, " ")).replace("{}", name.replaceAll("$", "$$$$"));
    const through = row.action.includes(":") ? `through ${row.action.split(":")[1]}` : (DOORS[row.door] ?? "");
    const by = row.user_id !== mine && row.user_id !== "anonymous" ? "by an administrator" : through;
    const place = make(
      "li",
      { class: row.outcome === "refused" ? "refused" : null },
      make("time", { datetime: row.at }, minute(row.at)),
      make("span", { class: "what" }, make("span", {}, words, row.outcome === "refused" ? make("strong", {}, " · refused") : ""), by ? make("span", { class: "facts" }, by) : ""),
    );
    const read = row.reads.filter((one) => one.document_id);
    if (read.length) {
      const told = read.map((one) => make("li", {}, `${names[one.document_id] ?? "A document that is not here any more"}, ${count((one.chunk_ids ?? []).length, "passage")}`));
      place.querySelector(".what").append(make("details", {}, make("summary", {}, `Read ${count(read.length, "document")}`), make("ul", {}, ...told)));
    }
    return place;
  };

  const wireLog = (element, who) => {
    const list = element.querySelector("#log");
    const kind = element.querySelector("#log-kind");
    const older = element.querySelector("#log-older");
    const said = element.querySelector("#log-said");
    let after = null;
    const draw = async (more) => {
      const wanted = new URLSearchParams({ limit: "20", user: who?.id ?? "" });
      if (!who) wanted.delete("user"); // an admin's own rows are asked for by id, or everybody's would come
      if (kind.value) wanted.set("kind", kind.value);
      if (more && after) wanted.set("after", after);
      const found = await api("GET", `/audit?${wanted}`);
      if (!found.ok) return say(said, found.sentence, "bad");
      const rows = found.body.items.map((row) => entry(row, who?.id));
      if (more) list.append(...rows);
      else list.replaceChildren(...rows);
      after = found.body.next;
      older.hidden = after === null;
      say(said, list.children.length ? "" : "Nothing of this kind yet.");
    };
    kind.addEventListener("change", () => draw(false));
    older.addEventListener("click", () => draw(true));
    draw(false);
  };

  const wireSamples = async (element) => {
    const row = element.querySelector("#samples-row");
    const found = await api("GET", "/account/samples");
    if (!found.ok || !found.body.items.length) return;
    row.hidden = false;
    row.querySelector("#samples-words").textContent = `${count(found.body.items.length, "sample document")} among your documents.`;
    row.querySelector("button").addEventListener("click", async () => {
      const answer = await api("DELETE", "/account/samples");
      say(element.querySelector("#samples-said"), answer.sentence || "The samples are gone.", answer.ok ? "good" : "bad");
      row.hidden = answer.ok;
    });
  };

  const wireDelete = (element, who) => {
    const form = element.querySelector("#delete-form");
    const typed = form.elements["confirm-email"];
    const said = form.querySelector(".said");
    typed.addEventListener("input", () => wrong(typed, ""));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!who || typed.value.trim().toLowerCase() !== who.email.toLowerCase()) {
        wrong(typed, who ? "This is not the e-mail address of this account." : "Reload the page and try again.");
        return typed.focus();
      }
      if (!(await window.aim.confirmed("Delete your account and everything in it for good?", "Delete everything"))) return;
      say(said, "Deleting everything. This can take a minute.");
      form.querySelector("[type=submit]").disabled = true;
      const answer = await api("DELETE", "/account?confirm=true");
      form.querySelector("[type=submit]").disabled = false;
      if (!answer.ok) return say(said, answer.sentence, "bad");
      sessionStorage.clear();
      location.assign("/login");
    });
  };

  window.aim.account = async (element) => {
    const who = await window.aim.who();
    element.querySelector("#who-email").textContent = who?.email ?? "";
    element.querySelector("#who-since").textContent = who ? `${day(who.created)}${who.role === "admin" ? ", an administrator" : ""}` : "";
    wirePassword(element, who);
    wireSignIns(element);
    window.aim.sharedLinks(element);
    wireLog(element, who);
    wireSamples(element);
    wireDelete(element, who);
  };
})();
