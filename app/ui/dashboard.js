// A link to a conversation: the chat page opens the one that this browser tab remembers; an empty id is a new one.
(() => {
  const CONVERSATION = "aim.conversation"; // as chat.js has it

  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-conversation]");
    if (link?.dataset.conversation) sessionStorage.setItem(CONVERSATION, link.dataset.conversation);
    else if (link) sessionStorage.removeItem(CONVERSATION);
  });

  // The plots say in words what they show; Gradio draws them anew at will.
  const PLOTS = [
    ["#plot", "#days .summary"], ["#growth-plot", "#growth-text .sentences, #growth-text .summary"], ["#intents-plot", "#intents-text .summary"],
    ["#times-plot", "#times-text .summary"], ["#metrics-plot", "#metrics-activity .summary"], ["#active-plot", "#metrics-active .summary"],
    ["#metrics-times-plot", "#metrics-times .summary"],
  ];
  const describe = () => {
    for (const [plot, text] of PLOTS) {
      const words = document.querySelector(text)?.textContent;
      for (const picture of document.querySelectorAll(`${plot} svg, ${plot} canvas`)) {
        if (!words || picture.getAttribute("aria-label") === words) continue;
        picture.setAttribute("role", "img");
        picture.setAttribute("aria-label", words);
      }
    }
  };

  // The sections in the order of the user's role. They are moved, not only shown so: the keyboard goes the way the eye goes.
  const NARROW = ["part-intents", "part-documents_used", "part-answer_times"]; // two of them share a row at a desk
  const arrange = () => {
    const said = document.querySelector("#dashboard-order [data-order]")?.dataset.order;
    const parts = document.getElementById("dashboard-parts");
    if (!said || !parts || parts.dataset.order === said) return;
    parts.dataset.order = said;
    const wanted = JSON.parse(said).map((name) => document.getElementById(`part-${name}`)).filter((part) => part?.parentElement === parts);
    if (wanted.some((part, place) => parts.children[place] !== part)) parts.append(...wanted);
    for (let place = 0; place + 1 < wanted.length; place += 1) {
      const pair = [wanted[place], wanted[place + 1]];
      if (!pair.every((part) => NARROW.includes(part.id))) continue;
      for (const part of pair) part.classList.add("half");
      place += 1;
    }
  };

  // Times come in UTC; whoever looks lives elsewhere.
  const WRITTEN = { day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
  const localise = () => {
    for (const time of document.querySelectorAll("#recent-conversations time")) {
      const words = new Intl.DateTimeFormat("en-GB", WRITTEN).format(new Date(time.dateTime));
      if (time.textContent !== words) time.textContent = words;
    }
  };

  const mend = () => {
    arrange();
    describe();
    localise();
  };
  new MutationObserver(mend).observe(document.documentElement, { childList: true, subtree: true });
})();
