// The admin page: forms that ask for a list, lists with pages and buttons, and what changes an account (REST, same session).
(() => {
  const LOST = "The server did not answer; try again.";

  const values = (form) => Object.fromEntries(new FormData(form));

  const refused = (words) => {
    const line = document.querySelector("#users-forms .refused");
    line.textContent = words;
    if (words) line.scrollIntoView({ block: "nearest" });
  };

  const send = async (path, method, body) => {
    const { ok, body: told, sentence } = await window.aim.exchange(`/admin/users${path}`, { method, json: body ?? {}, lost: LOST });
    refused(sentence);
    return ok ? told : null;
  };

  // A password made by the server: told here once, kept nowhere.
  const tell = (account) =>
    new Promise((resolve) => {
      const dialog = document.createElement("dialog");
      dialog.className = "sure";
      dialog.setAttribute("aria-label", "New password");
      dialog.innerHTML =
        '<form method="dialog"><p></p><input readonly aria-label="Password" spellcheck="false">' +
        '<div><button type="button" data-copy>Copy</button><button value="yes">Done</button></div></form>';
      dialog.querySelector("p").textContent =
        `The password of ${account.email}. It is shown only now: send it to them, and ask them to change it.`;
      const field = dialog.querySelector("input");
      field.value = account.password;
      field.addEventListener("focus", () => field.select());
      const copy = dialog.querySelector("[data-copy]");
      copy.addEventListener("click", async () => {
        field.select();
        // Without HTTPS there is no clipboard for scripts; the text is selected all the same.
        const done = await navigator.clipboard?.writeText(field.value).then(() => true, () => false);
        copy.textContent = done ? "Copied" : "Press Ctrl+C";
      });
      dialog.addEventListener("close", () => {
        dialog.remove();
        resolve();
      });
      document.querySelector(".gradio-container").append(dialog);
      dialog.showModal();
    });

  const ACTS = {
    role: {
      question: ({ title, value }) =>
        value === "admin"
          ? `Make “${title}” an admin? Admins see and change every account here.`
          : `Make “${title}” an ordinary user? They are signed out everywhere.`,
      word: ({ value }) => (value === "admin" ? "Make admin" : "Make user"),
      act: ({ id, value }) => send(`/${encodeURIComponent(id)}`, "PATCH", { role: value }),
    },
    disabled: {
      question: ({ title, value }) => value === "true" && `Disable “${title}”? They are signed out everywhere; what they keep stays.`,
      word: () => "Disable",
      act: ({ id, value }) => send(`/${encodeURIComponent(id)}`, "PATCH", { disabled: value === "true" }),
    },
    password: {
      question: ({ title }) => `Give “${title}” a new password? The present one ends at once, and so does every sign-in of theirs.`,
      word: () => "New password",
      act: ({ id }) => send(`/${encodeURIComponent(id)}/password`, "POST"),
    },
  };

  // What a list shows now stands at its root, so that it can be asked for again.
  const shown = (element) => {
    const { after, search, ...wanted } = element.querySelector(".listed")?.dataset ?? {};
    const fields = { search, user: wanted.user, action: wanted.action, outcome: wanted.outcome, door: wanted.door };
    return { ...fields, object_id: wanted.objectId, first: wanted.first, last: wanted.last, after };
  };

  const listed = (element, trigger) => {
    let focused = null;
    const before = []; // the beginnings of the pages that were left by "Next page"
    element.addEventListener("focusin", (event) => (focused = event.target.dataset.id ? { ...event.target.dataset } : focused));
    element.addEventListener("focusout", (event) => event.relatedTarget && (focused = null));
    new MutationObserver(() => {
      if (!focused || document.activeElement !== document.body) return;
      const same = `[data-id="${CSS.escape(focused.id)}"]`;
      const found = element.querySelector(`${same}[data-action="${CSS.escape(focused.action)}"]`) ?? element.querySelector(same);
      found?.focus();
    }).observe(element, { childList: true, subtree: true });
    element.addEventListener("click", async (event) => {
      const button = event.target.closest("button[data-action]");
      if (!button) return;
      const { action, after } = button.dataset;
      const now = shown(element);
      if (action === "next") {
        before.push(now.after ?? "");
        return trigger("click", { ...now, after });
      }
      if (action === "back") return trigger("click", { ...now, after: before.pop() ?? "" });
      const deed = ACTS[action];
      const question = deed.question(button.dataset);
      if (question && !(await window.aim.confirmed(question, deed.word(button.dataset), "Cancel"))) return;
      button.disabled = true;
      const account = await deed.act(button.dataset);
      button.disabled = false;
      if (account?.password) await tell(account);
      button.focus(); // a button that was disabled has lost it
      if (account) trigger("click", shown(element));
    });
  };

  const asking = (form, trigger) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      trigger("submit", values(form));
    });
    form.addEventListener("reset", () => setTimeout(() => trigger("submit", values(form))));
  };

  const accounts = (element, trigger) => {
    asking(element.querySelector("form[data-ask]"), trigger);
    const adding = element.querySelector("form[data-add]");
    adding.addEventListener("submit", async (event) => {
      event.preventDefault();
      const account = await send("", "POST", values(adding));
      if (!account) return;
      await tell(account);
      adding.reset();
      element.querySelector("[name=search]").value = account.email;
      trigger("submit", { search: account.email });
    });
  };

  const filters = (element, trigger) => asking(element.querySelector("form[data-ask]"), trigger);

  Object.assign(window.aim, { accounts, filters, listed });
})();
