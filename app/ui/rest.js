// The REST API with the session cookie, for every page: an answer, or an Error whose message is the sentence to show.
(() => {
  const SILENT = "The server does not answer; check the connection and try again.";
  const UNKNOWN = "That did not work; try again. If it stays, reload the page.";

  const refused = (status, text) => {
    let sentence = status ? UNKNOWN : SILENT;
    try {
      sentence = JSON.parse(text).detail || sentence;
    } catch {} // not ours: a proxy's page
    return Object.assign(new Error(sentence), { status });
  };

  // `json` becomes the body; everything else is for fetch. `error.status` is 0 where no answer came.
  const api = async (path, { json, ...options } = {}) => {
    if (json !== undefined) Object.assign(options, { headers: { "Content-Type": "application/json" }, body: JSON.stringify(json) });
    const answer = await fetch(`/api${path}`, options).catch(() => null);
    const text = (await answer?.text().catch(() => "")) ?? "";
    if (!answer?.ok) throw refused(answer?.status ?? 0, text);
    return text ? JSON.parse(text) : null;
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
        else reject(refused(request.status, request.responseText));
      };
      request.onerror = () => reject(refused(0, ""));
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

  // An element; attributes that are functions listen, `true` and `false` set and leave out.
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null));
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

  Object.assign(window.aim, { api, send, artists, make, options, size, count });
})();
