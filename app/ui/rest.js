// The REST API with the session cookie, for every page, and elements made without markup. Nothing else here asks the server
// for JSON.
(() => {
  const SILENT = "The server does not answer; check the connection and try again.";
  const UNKNOWN = "That did not work; try again. If it stays, reload the page.";

  // Null where it is not ours: a proxy's page.
  const read = (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  };

  // Whoever signs out asks for nothing more, and is not told that they are signed out. What is sent away is sent.
  const gone = new AbortController();
  addEventListener("submit", (event) => event.target.getAttribute("action") === "/logout" && gone.abort(), true);
  const whileHere = ({ method = "GET", signal }) => (method !== "GET" ? signal : signal ? AbortSignal.any([signal, gone.signal]) : gone.signal);

  // What came: {ok, status, body, sentence}, the status 0 where nothing came, the sentence empty where it went well. `json`
  // becomes the body, `lost` is said in place of our own words where the server told none; everything else is for fetch.
  const exchange = async (path, { json, lost, ...options } = {}) => {
    if (json !== undefined) Object.assign(options, { headers: { "Content-Type": "application/json" }, body: JSON.stringify(json) });
    const answer = await fetch(`/api${path}`, { ...options, signal: whileHere(options) }).catch(() => null);
    if (!answer && gone.signal.aborted) return new Promise(() => {});
    if (answer?.status === 401) window.aim.forget();
    const body = read((await answer?.text().catch(() => "")) ?? "");
    const status = answer?.status ?? 0;
    const sentence = answer?.ok ? "" : body?.detail || (lost ?? (status ? UNKNOWN : SILENT));
    return { ok: Boolean(answer?.ok), status, body, sentence };
  };

  // The body alone, or an Error whose message is the sentence to show; `error.status` is 0 where no answer came.
  const api = async (path, options) => {
    const { ok, status, body, sentence } = await exchange(path, options);
    if (!ok) throw Object.assign(new Error(sentence), { status });
    return body;
  };

  // A form with a file; `progress(sent, all)` in bytes while it goes up, which fetch cannot tell.
  const send = (method, path, form, progress = () => {}) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open(method, `/api${path}`);
      request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded, event.total);
      request.onload = () => {
        if (request.status === 401) window.aim.toSignIn();
        if (request.status < 300) resolve(JSON.parse(request.responseText));
        else reject(Object.assign(new Error(read(request.responseText)?.detail || UNKNOWN), { status: request.status }));
      };
      request.onerror = () => reject(Object.assign(new Error(SILENT), { status: 0 }));
      request.send(form);
    });

  // The whole roster, asked for once a page.
  let roster = null;
  const artists = () => {
    const all = async () => {
      const found = [];
      for (let after = ""; after !== null; ) {
        const page = await api(`/artists?limit=200${after && `&after=${after}`}`);
        found.push(...page.items);
        after = page.next;
      }
      return found;
    };
    roster ??= all().catch((error) => {
      roster = null;
      throw error;
    });
    return roster;
  };

  // make("button", { type: "button", class: "plain", click }, "Rename"): text stays text. Functions listen; `true` sets an
  // attribute; `false`, null and undefined leave it out, as null and "" do children.
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== ""));
    return element;
  };

  const options = (select, pairs, chosen) => {
    for (const [value, words] of pairs) select.append(make("option", { value, selected: value === chosen }, words));
    return select;
  };

  const size = (bytes) => {
    if (bytes < 1000) return `${bytes} bytes`;
    for (const [unit, one] of [["kB", 1e3], ["MB", 1e6], ["GB", 1e9]]) // up to 999 of each
      if (bytes < 999.5 * one || unit === "GB") return `${unit === "kB" ? Math.round(bytes / one) : (bytes / one).toFixed(1).replace(/\.0$/, "")} ${unit}`;
  };

  const count = (number, noun) => `${String(number).replace(/\B(?=(\d{3})+$)/g, " ")} ${noun}${number === 1 ? "" : "s"}`;

  Object.assign(window.aim, { exchange, api, send, artists, make, options, size, count });
})();
