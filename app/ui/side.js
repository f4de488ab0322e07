// The list of conversations: opened, searched, renamed, deleted. The server draws it; changes go to the REST API.
(() => {
  const TYPING_MS = 250;

  const conversations = (element, trigger) => {
    const { page, open, call, asked, confirmed } = window.aim;

    // Drawn anew, the list keeps the focus where it was.
    let focused = null;
    element.addEventListener("focusin", (event) => (focused = event.target.dataset.id ?? null));
    element.addEventListener("focusout", (event) => event.relatedTarget && (focused = null));
    new MutationObserver(() => {
      if (focused && document.activeElement === document.body) element.querySelector(`.open[data-id="${CSS.escape(focused)}"]`)?.focus();
    }).observe(element, { childList: true, subtree: true });

    const rename = async ({ id, title }) => {
      const inside = document.createElement("label");
      inside.innerHTML = 'Title<input name="title" maxlength="200" required autocomplete="off">';
      inside.querySelector("input").value = title;
      const form = await asked("Rename the conversation", inside, "Rename");
      if (!form) return;
      await call(`/conversations/${encodeURIComponent(id)}`, "PATCH", { title: new FormData(form).get("title") });
      trigger("submit");
    };

    const remove = async ({ id, title }) => {
      if (!(await confirmed(`Delete “${title}” and its answers for good?`, "Delete"))) return;
      await call(`/conversations/${encodeURIComponent(id)}`, "DELETE");
      open(null);
      trigger("click");
    };

    const acts = {
      open: ({ id }) => {
        open(id);
        trigger("click");
      },
      older: () => {
        page.listed += 50;
        trigger("submit");
      },
      rename,
      export: ({ id, title }) => window.aim.exporting({ kind: "conversation", id, title }),
      delete: remove,
    };

    element.addEventListener("click", async (event) => {
      const button = event.target.closest("button[data-action]");
      if (!button) return;
      try {
        await acts[button.dataset.action](button.dataset);
      } catch (error) {
        const line = document.createElement("p");
        line.className = "refused";
        line.setAttribute("role", "alert");
        line.textContent = error.message;
        element.prepend(line);
      }
    });

    let timer = null;
    document.querySelector("#find").addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => trigger("submit"), TYPING_MS);
    });
  };

  window.aim.conversations = conversations;
})();
