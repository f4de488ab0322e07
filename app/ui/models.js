// The language model on the admin page: shows the present choice, tests and saves. The key is sent, and never comes back.
(() => {
  const NO_ANSWER = "The server did not answer; try again.";

  const number = (value) => value.toLocaleString("en", { maximumFractionDigits: 0 });
  const money = (value, currency) => `${value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })} ${currency}`;

  const asked = (method, path, json) => window.aim.api(`/admin/models${path}`, { method, json, lost: NO_ANSWER });

  const models = (element) => {
    const panel = element.querySelector(".models");
    const one = (selector) => panel.querySelector(selector);
    const form = one("form");
    const field = form.elements;
    let known = null;

    const say = (place, words, kind = "") => {
      place.textContent = words;
      place.dataset.kind = kind;
    };

    // Only what belongs to the chosen provider is there to see, to tab to and to send.
    const arrange = () => {
      const provider = field.provider.value;
      for (const part of form.querySelectorAll("[data-for]")) {
        part.hidden = !part.dataset.for.split(" ").includes(provider);
        for (const control of part.querySelectorAll("input, select, button")) control.disabled = part.hidden;
      }
      tellKey();
      one("#models-name-hint").textContent = {
        openai: "Empty: gpt-4o-mini.",
        ollama: "Empty: the first that Ollama has.",
        compatible: "Empty: the first that the server offers. Test shows them all.",
      }[provider] ?? "";
      say(one(".result"), "");
      offer(provider === "ollama" ? known.ollama.models : []);
    };

    const tellKey = () => {
      const openai = field.provider.value === "openai";
      const kept = known.choice.key_set && sameAddress();
      one(".tick").hidden = !kept;
      if (!kept) field.forget.checked = false;
      one("#models-key-hint").textContent = kept
        ? "A key is kept, sealed. Leave this empty to go on with it, or paste another."
        : openai && known.openai_key_in_settings
          ? "Leave this empty to use OPENAI_API_KEY of this server, or paste another key."
          : openai
            ? "Paste the key that OpenAI gave you. It is kept sealed and never shown again."
            : "Leave it empty where the server asks for none. It is kept sealed and never shown again.";
    };

    const sameAddress = () => {
      const { provider, base_url } = known.choice;
      const origin = (address) => URL.parse?.(address)?.origin ?? address;
      return field.provider.value === provider && (provider !== "compatible" || origin(field.base_url.value.trim()) === origin(base_url));
    };

    const offer = (names) => {
      const place = one(".names");
      place.replaceChildren(
        ...names.map((name) => {
          const button = document.createElement("button");
          button.type = "button";
          button.textContent = name;
          button.setAttribute("aria-pressed", String(field.model.value === name));
          button.addEventListener("click", () => {
            field.model.value = name;
            for (const other of place.children) other.setAttribute("aria-pressed", String(other === button));
          });
          return button;
        }),
      );
    };

    const show = (found) => {
      known = found;
      const { choice, ollama, month } = found;
      say(one(".now"), found.in_force, found.works ? "" : "wrong");
      one(".notes").replaceChildren(...found.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
      one("#about-settings").textContent = found.settings;
      one("#about-ollama").textContent = ollama.found
        ? `Found, with ${ollama.models.length === 1 ? "one model" : `${ollama.models.length} models`}. Nothing leaves this machine.`
        : "Not found on this machine. Install and start it, then open this page again.";
      field.provider.value = choice.provider;
      for (const name of ["base_url", "model", "monthly_cap", "price_in", "price_out"]) field[name].value = choice[name] ?? "";
      field.cap_unit.value = choice.cap_unit;
      field.currency.value = choice.currency;
      field.key.value = "";
      field.forget.checked = false;
      one("details").open = choice.price_in !== null || choice.price_out !== null;
      showMonth(choice, month);
      form.hidden = false;
      arrange();
    };

    const showMonth = (choice, month) => {
      one(".month").hidden = false;
      const priced = choice.price_in !== null || choice.price_out !== null || month.cost > 0;
      const tokens = `${number(month.tokens)} tokens`;
      const cost = money(month.cost, choice.currency);
      const most = choice.monthly_cap === null ? "" : choice.cap_unit === "money" ? money(choice.monthly_cap, choice.currency) : `${number(choice.monthly_cap)} tokens`;
      const used = most && choice.cap_unit === "money" ? `${cost} of ${most} at most, for ${tokens}` : `${tokens}${most && ` of ${most} at most`}${priced ? `, for ${cost}` : ""}`;
      one(".used").textContent = `${used}.${month.reached ? " The limit is used up: raise it to have answers written again." : ""}`;
      const bar = one(".bar");
      bar.hidden = month.share === null;
      const percent = Math.min(100, Math.round(100 * (month.share ?? 0)));
      bar.setAttribute("aria-valuenow", percent);
      bar.firstElementChild.style.width = `${percent}%`;
    };

    // What people type: 2.000.000 and 2,000,000 are the same number of tokens; money has one sign before its cents.
    const typed = (name, whole) => {
      const text = field[name].value.trim().replace(/[\s'’_]/g, "");
      if (!text) return null;
      const plain = whole || /^\d{1,3}([.,]\d{3})+$/.test(text) ? text.replace(/[.,]/g, "") : text.replace(",", ".");
      if (!/^\d+(\.\d+)?$/.test(plain)) {
        field[name].focus();
        throw new Error(`“${field[name].value}” is no amount; type a number such as 2000000 or 12.50.`);
      }
      return Number(plain);
    };

    const choice = () => {
      const provider = field.provider.value;
      const wanted = { provider, base_url: provider === "compatible" ? field.base_url.value.trim() : null, model: field.model.value.trim() || null };
      const key = field.key.value.trim();
      if (key || field.forget.checked) wanted.key = key;
      return wanted;
    };

    const busy = async (button, place, doing, work) => {
      button.setAttribute("aria-disabled", "true");
      say(place, doing);
      try {
        await work();
      } catch (error) {
        say(place, error.message, "wrong");
      }
      button.removeAttribute("aria-disabled");
    };

    one(".test").addEventListener("click", (event) => {
      const button = event.currentTarget;
      if (button.hasAttribute("aria-disabled")) return;
      busy(button, one(".result"), "Asking it one word …", async () => {
        const provider = field.provider.value;
        const said = await asked("POST", "/test", choice());
        if (field.provider.value !== provider) return;
        offer(said.models);
        say(one(".result"), said.sentence, said.works ? "works" : "wrong");
      });
    });

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const button = one(".save");
      if (button.hasAttribute("aria-disabled")) return;
      busy(button, one(".saved"), "Saving …", async () => {
        const terms = {
          monthly_cap: typed("monthly_cap", field.cap_unit.value === "tokens"),
          cap_unit: field.cap_unit.value,
          currency: field.currency.value.trim().toUpperCase() || "USD",
          price_in: typed("price_in"),
          price_out: typed("price_out"),
        };
        show(await asked("PUT", "", { ...choice(), ...terms }));
        say(one(".saved"), "Saved. It is in force now.", "works");
      });
    });

    form.addEventListener("change", (event) => {
      if (event.target.name !== "provider") return;
      field.model.value = field.provider.value === known.choice.provider ? (known.choice.model ?? "") : "";
      field.key.value = "";
      arrange();
    });
    field.base_url.addEventListener("input", tellKey);
    form.addEventListener("input", () => say(one(".saved"), ""));
    asked("GET", "").then(show, (error) => say(one(".now"), error.message, "wrong"));
  };

  window.aim.models = models; // upload.js, the last of our scripts, tells that all are there
})();
