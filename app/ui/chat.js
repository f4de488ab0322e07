// The conversation: what the page says of itself with every event, and the buttons under questions and answers.
(() => {
  const CONVERSATION = "aim.conversation"; // an id; whose it is, the server decides
  const LISTED = 50; // conversations, and more at each "Show older"
  const SHOWN = 30; // messages, and more at each "Show earlier"
  const REASONS = ["It is wrong", "It is not what I asked", "The sources do not say that", "Something is missing", "It is hard to read"];
  const COPIED_MS = 2000;
  const SETTLED_MS = 400; // Gradio's own scrolling is over by then

  const page = {
    conversation: sessionStorage.getItem(CONVERSATION) || null,
    listed: LISTED,
    shown: SHOWN,
    replaces: null,
    words: null, // what a button asks, in place of what is typed
    asking: false, // the next thing said goes with a question
    beginning: false, // a conversation that has no id yet
    trigger: () => {},
  };

  // Another conversation, or null for a new one. What is limited or being changed belongs to the one that is left.
  const open = (id) => {
    page.conversation = id || null;
    page.shown = SHOWN;
    window.aim.unlimited();
    remember();
  };

  const remember = () => {
    if (page.conversation) sessionStorage.setItem(CONVERSATION, page.conversation);
    else sessionStorage.removeItem(CONVERSATION);
  };

  // The server tells which conversation is shown: a new one gets its id with its first question.
  const placed = (id) => {
    if ((page.conversation || "") !== id && !(page.beginning && !page.conversation)) window.aim.unlimited();
    page.beginning = false;
    page.conversation = id || null;
    remember();
  };

  const busy = () => Boolean(document.querySelector("#stop")?.checkVisibility());

  const said = () => {
    const { conversation, listed, shown, replaces } = page;
    const find = document.querySelector("#find input")?.value ?? "";
    const artist = window.aim.artist();
    const told = { conversation, listed, shown, find, documents: window.aim.documentsChosen(), offset: new Date().getTimezoneOffset() };
    if (artist !== undefined) told.artist = artist;
    if (page.asking) {
      Object.assign(told, { replaces, typed: page.words === null });
      page.beginning = !conversation;
      page.asking = false;
      page.words = null;
      window.aim.changing(null);
    }
    return JSON.stringify(told);
  };

  // Called first for every question, with what is typed.
  const words = (typed) => {
    page.asking = true;
    return page.words ?? typed;
  };

  const ask = (text, replaces = null) => {
    if (busy()) return;
    page.words = text;
    page.replaces = replaces;
    page.trigger("click");
  };

  const asker = (element, trigger) => (page.trigger = trigger);

  // A row's buttons. Gradio leaves a row its id: "answer-41".
  const messageOf = (button) => button.closest(".actions").id.split("-")[1];

  // The rows of the same message: everything in its bubble, in order.
  const bubble = (button) => [...button.closest(".message-row").querySelectorAll(".prose")];

  const typedIn = (asked) => {
    const copy = asked.cloneNode(true);
    for (const line of copy.querySelectorAll("br")) line.replaceWith("\n");
    return copy.textContent;
  };

  // Text as one writes it in a message: no signs of Markdown, list items and table rows on lines of their own.
  const plain = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.textContent.replace(/\s+/g, " ");
    if (node.nodeName === "BR") return "\n";
    const inside = () => [...node.childNodes].map(plain).join("");
    if (node.nodeName === "LI") {
      const place = node.parentNode.nodeName === "OL" ? `${[...node.parentNode.children].indexOf(node) + 1}.` : "-";
      return `${place} ${inside().trim()}\n`;
    }
    if (node.nodeName === "TR") return [...node.children].map((cell) => plain(cell).trim()).join(", ") + "\n";
    if (/^(P|DIV|H\d|PRE|BLOCKQUOTE|UL|OL|TABLE)$/.test(node.nodeName)) return `${inside().trim()}\n\n`;
    return inside();
  };

  const copied = (button) => {
    const parts = [];
    for (const prose of bubble(button)) {
      if (prose.querySelector(":scope > .below, :scope > .next")) continue;
      if (prose.contains(button)) break;
      parts.push(plain(prose).trim());
    }
    const sources = [...button.closest(".actions").querySelectorAll(".plain-sources li")].map((line) => line.textContent);
    if (sources.length) parts.push(["Sources:", ...sources].join("\n"));
    return parts.join("\n\n").replace(/[ \t]*\n[ \t]*/g, "\n").replace(/\n{3,}/g, "\n\n");
  };

  // A phone that comes by plain HTTP has no clipboard of its own for scripts.
  const toClipboard = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("aria-hidden", "true");
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };

  const told = (button, text) => {
    const before = button.dataset.words ?? button.textContent;
    button.dataset.words = before;
    button.textContent = text;
    button.setAttribute("aria-live", "polite");
    clearTimeout(Number(button.dataset.timer));
    button.dataset.timer = setTimeout(() => (button.textContent = before), COPIED_MS);
  };

  const call = (path, method, json) => window.aim.api(path, { method, json, lost: "The server did not answer; try again." });

  const rated = async (button, rating, reason) => {
    try {
      await call(`/messages/${messageOf(button)}/feedback`, "POST", { rating, reason: reason || null });
    } catch (error) {
      return told(button, error.message);
    }
    for (const one of button.closest(".actions").querySelectorAll(".up, .down")) mark(one, one === button);
    told(button, "Thank you");
  };

  const mark = (button, chosen) => {
    button.classList.toggle("chosen", chosen);
    button.setAttribute("aria-pressed", String(chosen));
  };

  // A dialog of our own; resolves with its form, or null when it was left.
  const asked = (title, inside, word) =>
    new Promise((resolve) => {
      const dialog = document.createElement("dialog");
      dialog.className = "asked-for";
      dialog.innerHTML = '<form method="dialog"><h2></h2><div class="inside"></div><div class="ends"><button type="button" class="no">Cancel</button><button class="yes" value="yes"></button></div></form>';
      const form = dialog.querySelector("form");
      dialog.querySelector("h2").textContent = title;
      dialog.querySelector("h2").id = "asked-for";
      dialog.setAttribute("aria-labelledby", "asked-for");
      dialog.querySelector(".inside").append(inside);
      dialog.querySelector(".yes").textContent = word ?? "";
      dialog.querySelector(".no").addEventListener("click", () => dialog.close());
      if (!word) {
        dialog.querySelector(".yes").remove();
        dialog.querySelector(".no").textContent = "Close";
      }
      dialog.addEventListener("close", () => {
        dialog.remove();
        resolve(dialog.returnValue === "yes" ? form : null);
      });
      document.querySelector(".gradio-container").append(dialog);
      dialog.showModal();
    });

  const unhelpful = async (button) => {
    const inside = document.createElement("fieldset");
    inside.innerHTML = "<legend>What is the matter?</legend>";
    for (const reason of REASONS) {
      const label = document.createElement("label");
      label.innerHTML = '<input type="radio" name="reason">';
      label.firstChild.value = reason;
      label.append(reason);
      inside.append(label);
    }
    inside.insertAdjacentHTML("beforeend", '<label class="more">In your words<textarea name="more" rows="2" maxlength="900"></textarea></label>');
    const form = await asked("Not helpful", inside, "Send");
    if (!form) return;
    const found = new FormData(form);
    await rated(button, -1, [found.get("reason"), found.get("more").trim()].filter(Boolean).join(": "));
  };

  const versions = async (button) => {
    const inside = document.createElement("div");
    inside.className = "versions";
    try {
      for (const one of (await call(`/messages/${messageOf(button)}/earlier`, "GET")).items) {
        const part = document.createElement("p");
        part.className = one.role;
        part.textContent = one.text.replace(/\*\*|__|`|^#+ /gm, "");
        inside.append(part);
      }
    } catch (error) {
      inside.textContent = error.message;
    }
    await asked("What stood here before", inside);
  };

  const edit = (button) => {
    if (busy()) return;
    page.replaces = messageOf(button);
    window.aim.changing(typedIn(button.closest(".message-row").querySelector(".asked")));
  };

  const ACTS = {
    ask: (button) => ask(button.textContent),
    again: (button) => ask("", messageOf(button)),
    copy: (button) => toClipboard(copied(button)).then(() => told(button, "Copied"), () => told(button, "Copying is not allowed here")),
    export: (button) => window.aim.exporting({ kind: "answer", id: messageOf(button) }),
    up: (button) => rated(button, 1),
    down: unhelpful,
    edit,
    versions,
    above: () => {
      page.shown += SHOWN;
      page.trigger("submit");
    },
  };

  addEventListener("click", (event) => {
    const button = event.target.closest?.("#chat-page .act");
    const act = button && Object.keys(ACTS).find((name) => button.classList.contains(name));
    if (act) ACTS[act](button);
  });
  // Before Gradio hears of it.
  addEventListener("click", (event) => event.target.closest?.("#new") && open(null), true);

  // What a class says to the eye is said to screen readers too.
  const mend = () => {
    for (const button of document.querySelectorAll("#chat .act.up:not([aria-pressed]), #chat .act.down:not([aria-pressed])"))
      button.setAttribute("aria-pressed", String(button.classList.contains("chosen")));
  };

  // While an answer comes, Gradio keeps its end in sight. Ended, with its sources below, it is read from its question on.
  let coming = false;
  const look = () => {
    const last = [...document.querySelectorAll("#chat .message-row")].at(-1);
    const now = Boolean(last && !last.querySelector('.actions[id^="answer-"]'));
    // Gradio does so only from the end on: whoever asks from further up would see nothing happen.
    if (now && !coming) toTheEnd();
    if (coming && last && !now) setTimeout(toTheQuestion, SETTLED_MS);
    coming = now;
  };
  const toTheEnd = () => {
    const seen = document.querySelector("#chat .bubble-wrap");
    if (seen) seen.scrollTop = seen.scrollHeight;
  };
  const toTheQuestion = () => {
    const question = [...document.querySelectorAll("#chat .user-row")].at(-1);
    const seen = document.querySelector("#chat .bubble-wrap");
    if (!question || !seen) return;
    const above = question.getBoundingClientRect().top - seen.getBoundingClientRect().top;
    if (above < 0) seen.scrollTop += above - 16;
  };

  new MutationObserver(() => {
    mend();
    look();
  }).observe(document.documentElement, { childList: true, subtree: true });

  Object.assign(window.aim, { page, open, placed, said, words, ask, asker, asked, call, busy });
})();
