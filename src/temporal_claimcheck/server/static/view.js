"use strict";
// The page works without this script, a piece at a time. With it, pieces come as one scrolls, and
// search jumps between places. The server escapes and highlights; here is no content handled as
// anything but finished HTML of our own server, and the page's policy runs none of it.
(() => {
  const view = document.getElementById("view");
  const holder = document.getElementById("pieces");
  const byId = (id) => document.getElementById(id);
  const { as, base, access } = view.dataset;
  const count = Number(view.dataset.count);
  const KEPT = 5; // Pieces in the page at once: a browser stays quick with that much.
  const AHEAD = 1500; // Pixels before the edge at which the next piece is asked for.

  let query = view.dataset.query;
  let hits = null; // For every place the number of its piece; null before a search.
  let complete = true;
  let current = -1;
  let turn = 0; // Goes up with every jump; what was asked for before is then thrown away.
  let busy = false;

  const address = (part, values) => {
    const given = new URLSearchParams(access);
    for (const [name, value] of Object.entries({ as, ...values })) {
      if (value !== "") given.set(name, value);
    }
    return `${base}/${part}?${given}`;
  };

  let fading = 0;
  const notice = (text) => {
    const place = byId("notice");
    place.textContent = text;
    place.classList.add("shown");
    clearTimeout(fading);
    fading = setTimeout(() => place.classList.remove("shown"), 2500);
  };

  const ask = async (url) => {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (answer.ok) return answer;
    let why = `The server answered ${answer.status}.`;
    try {
      const { message, remedy } = await answer.json();
      why = `${message} ${remedy}`;
    } catch {
      // No words from the server, so the status has to do.
    }
    throw new Error(why);
  };

  // ---- pieces -----------------------------------------------------------------------------

  const pieces = () => [...holder.querySelectorAll("[data-n]")];
  const numberOf = (piece) => Number(piece.dataset.n);

  const fetchPiece = async (number) => {
    const answer = await ask(address("piece", { n: number, q: query }));
    const html = await answer.text();
    const piece = document.createElement(as === "table" ? "tbody" : "pre");
    piece.innerHTML = html;
    piece.dataset.n = number;
    return piece;
  };

  const keeping = (anchor, change) => {
    // What is in view stays where it is, whatever comes or goes above it.
    const before = anchor.getBoundingClientRect().top;
    change();
    scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
  };

  const extend = async (down) => {
    const all = pieces();
    const edge = down ? all[all.length - 1] : all[0];
    const number = numberOf(edge) + (down ? 1 : -1);
    if (busy || number < 0 || number >= count) return;
    busy = true;
    const mine = turn;
    view.classList.add("loading");
    try {
      const piece = await fetchPiece(number);
      if (mine !== turn) return;
      keeping(edge, () => {
        if (down) edge.after(piece);
        else edge.before(piece);
        const now = pieces();
        if (now.length > KEPT) (down ? now[0] : now[now.length - 1]).remove();
      });
    } catch (error) {
      notice(error.message);
    } finally {
      busy = false;
      view.classList.remove("loading");
    }
    look();
  };

  const toolsHeight = () => view.querySelector(".tools").offsetHeight;

  const show = () => {
    if (count < 2) return;
    const middle = innerHeight / 2;
    const all = pieces();
    const seen = all.find((piece) => piece.getBoundingClientRect().bottom > middle) || all[all.length - 1];
    byId("where").textContent = `${numberOf(seen) + 1} / ${count}`;
    byId("place").value = numberOf(seen);
  };

  const settle = () => {
    // The head of a table stays in view below the tools, unless the table scrolls sideways.
    if (as !== "table") return;
    const frame = holder.parentElement;
    frame.classList.toggle("fits", holder.scrollWidth <= frame.clientWidth);
    frame.style.setProperty("--tools", `${toolsHeight()}px`);
  };

  const look = () => {
    if (!holder) return;
    settle();
    show();
    const all = pieces();
    const first = all[0].getBoundingClientRect();
    const last = all[all.length - 1].getBoundingClientRect();
    if (last.bottom < innerHeight + AHEAD && numberOf(all[all.length - 1]) < count - 1) extend(true);
    else if (first.top > -AHEAD && numberOf(all[0]) > 0) extend(false);
  };

  const jump = async (number) => {
    turn += 1;
    const mine = turn;
    view.classList.add("loading");
    try {
      const piece = await fetchPiece(number);
      if (mine !== turn) return null;
      const all = pieces();
      all[0].before(piece);
      all.forEach((each) => each.remove());
      return piece;
    } catch (error) {
      notice(error.message);
      return null;
    } finally {
      view.classList.remove("loading");
    }
  };

  const goTo = async (number, atEnd) => {
    if (!holder) return;
    const piece = await jump(number);
    if (!piece) return;
    if (atEnd) scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
    else if (number === 0) scrollTo({ top: 0, behavior: "instant" });
    else scrollBy({ top: piece.getBoundingClientRect().top - toolsHeight(), behavior: "instant" });
    look();
  };

  // ---- search -----------------------------------------------------------------------------

  const tell = () => {
    const more = complete ? "" : "+";
    const total = hits ? hits.length.toLocaleString("en").replace(/,/g, "\u202f") : "";
    if (!query) byId("hits").textContent = "";
    else if (!hits || !hits.length) byId("hits").textContent = "nothing";
    else byId("hits").textContent = `${current + 1} of ${total}${more}`;
  };

  const goToHit = async (index) => {
    if (!hits || !hits.length) return;
    current = (index + hits.length) % hits.length;
    tell();
    const number = hits[current];
    let piece = pieces().find((each) => numberOf(each) === number);
    if (!piece) piece = await jump(number);
    if (!piece) return;
    const place = piece.querySelectorAll("mark[data-hit]")[current - hits.indexOf(number)] || piece;
    holder.querySelectorAll("mark.current").forEach((mark) => mark.classList.remove("current"));
    if (place !== piece) place.classList.add("current");
    place.scrollIntoView({ block: place === piece ? "start" : "center", inline: "nearest" });
    look();
  };

  const search = async (text) => {
    query = text;
    hits = null;
    current = -1;
    const mine = (turn += 1);
    if (!query) {
      tell();
      await goTo(numberOf(pieces()[0]), false);
      return;
    }
    byId("hits").textContent = "…";
    try {
      const found = await (await ask(address("search", { q: query }))).json();
      if (mine !== turn) return;
      ({ pieces: hits, complete } = found);
      tell();
      if (!hits.length) {
        await goTo(numberOf(pieces()[0]), false);
        return;
      }
      // The nearest place from here on, as an editor does it.
      const from = numberOf(pieces()[0]);
      const index = Math.max(0, hits.findIndex((number) => number >= from));
      await jump(hits[index]);
      await goToHit(index);
    } catch (error) {
      byId("hits").textContent = "";
      notice(error.message);
    }
  };

  // ---- copy -------------------------------------------------------------------------------

  const put = async (text) => {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return;
    }
    // Without TLS a browser has no clipboard for scripts, but still this.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "offscreen";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("The browser does not allow to copy.");
  };

  const copy = async (text) => {
    try {
      await put(typeof text === "string" ? text : await text());
      notice("Copied.");
    } catch (error) {
      notice(error.message);
    }
  };

  const copyContent = () => copy(async () => (await ask(address("content", {}))).text());

  // ---- wiring -----------------------------------------------------------------------------

  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      look();
    });
  };

  const onClick = (id, act) => {
    const element = byId(id);
    if (element) element.addEventListener("click", act);
  };

  onClick("copy", copyContent);
  onClick("copy-key", () => copy(byId("key").textContent));
  onClick("help", () => byId("keys").showModal());
  if (holder) {
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon, { passive: true });
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = byId("q").value;
      if (text === query && hits) goToHit(current + 1);
      else search(text);
    });
    byId("q").addEventListener("search", () => {
      if (!byId("q").value && query) search("");
    });
    const step = (by) => (event) => {
      event.preventDefault();
      goToHit(current + by);
    };
    onClick("previous-hit", step(-1));
    onClick("next-hit", step(1));
    if (count > 1) byId("place").addEventListener("change", () => goTo(Number(byId("place").value), false));
    if (query) search(query);
    else look();
  }

  const keys = {
    "/": () => byId("q") && byId("q").focus(),
    n: () => goToHit(current + 1),
    N: () => goToHit(current - 1),
    g: () => goTo(0, false),
    G: () => goTo(count - 1, true),
    "]": () => holder && goTo(Math.min(numberOf(pieces()[0]) + 1, count - 1), false),
    "[": () => holder && goTo(Math.max(numberOf(pieces()[0]) - 1, 0), false),
    c: () => byId("copy") && copyContent(),
    d: () => byId("download").click(),
    "?": () => byId("keys").showModal(),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input[type=search]")) {
      if (event.key !== "Escape") return;
      event.preventDefault(); // It would empty the field; here it only leaves it.
      event.target.blur();
      return;
    }
    if (byId("keys").open) return;
    const tab = view.querySelectorAll(".tabs a")[Number(event.key) - 1];
    const act = tab ? () => tab.click() : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
})();
