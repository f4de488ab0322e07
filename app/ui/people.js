// What the pages about people share: questions to the server whose answers are told beside a field, buttons, days in words.
(() => {
  const { exchange, make } = window.aim;
  const LOST = "The server did not answer; check the connection and try again.";

  // Resolves with {ok, status, body, sentence}; the sentence is empty where it went well.
  const api = (method, path, json) => exchange(path, { method, json, lost: LOST });

  const button = (word, about, act, look = "plain") => {
    const made = make("button", { type: "button", class: look, "aria-label": about ? `${word} ${about}` : null }, word);
    made.addEventListener("click", () => act(made));
    return made;
  };

  // Words beside a field, read out; none take them away.
  const wrong = (input, words) => {
    const place = document.getElementById(`${input.id}-wrong`);
    place.hidden = !words;
    place.textContent = words;
    if (words) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };

  // A line under a form that says how it went.
  const say = (place, words, look = "") => {
    place.className = `said ${look}`;
    place.textContent = words;
  };

  const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
  const MINUTE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const day = (iso) => DAY.format(new Date(iso));
  const minute = (iso) => MINUTE.format(new Date(iso));
  const ago = (iso) => {
    const minutes = Math.round((Date.now() - new Date(iso)) / 60_000);
    if (minutes < 2) return "now";
    if (minutes < 60) return `${minutes} minutes ago`;
    return minutes < 2880 ? `${Math.round(minutes / 60)} hours ago` : day(iso);
  };

  const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

  // Passwords shown while they are typed.
  addEventListener("click", (event) => {
    const show = event.target.closest?.("button[data-shows]");
    if (!show) return;
    const input = document.getElementById(show.dataset.shows);
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    show.setAttribute("aria-pressed", String(shown));
    show.firstChild.textContent = shown ? "Hide" : "Show";
    input.focus();
  });

  Object.assign(window.aim, { people: { api, make, button, wrong, say, day, minute, ago, count } });
})();
