/* The number of what waits, and a quiet word on what is new, without loading the page. An open page asks
   now and then, only while it is looked at; all pages of a browser ask as one. Without this, the number of
   the last load stays. */

const EVERY_MS = 30000;
const { person, news: address, inbox } = document.body.dataset;
const key = `assay_news:${person}`;

function known() {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? {};
  } catch {
    return {};
  }
}

function keep(more) {
  try {
    localStorage.setItem(key, JSON.stringify({ ...known(), ...more }));
  } catch {
    /* a browser that keeps nothing asks from each page */
  }
}

function show({ waiting = "", news = 0 }) {
  const title = document.title.replace(/^\(\d+\+?\) /, "");
  document.title = waiting ? `(${waiting}) ${title}` : title;
  const count = document.getElementById("waiting");
  count.hidden = !waiting;
  count.querySelector("[data-waiting]").textContent = waiting;
  const place = document.getElementById("new");
  const words = news ? `${news > 99 ? "99+" : news} new` : "";
  if (place.textContent === words) return; // said once, and not again
  const link = Object.assign(document.createElement("a"), { href: `${inbox}#news`, className: "news", textContent: words });
  place.replaceChildren(...(news ? [link] : []));
}

async function ask() {
  const { mark } = known();
  keep({ at: Date.now() }); // so that the other pages wait for this answer
  const answer = await fetch(`${address}?since=${mark ?? ""}`, { headers: { "HX-Request": "true" }, cache: "no-cache" });
  if (answer.status === 401) document.dispatchEvent(new CustomEvent("assay:unknown"));
  if (!answer.ok) return;
  const told = await answer.json();
  const now = known();
  if (now.mark !== undefined && now.mark !== mark) return; // another page has seen more meanwhile
  keep({ waiting: told.waiting, news: told.news, mark: mark ?? told.mark });
  show(told);
}

function look() {
  if (document.hidden) return;
  const told = known();
  const early = told.mark !== undefined && Date.now() - told.at < EVERY_MS; // a first question may be left unanswered
  if (!early) ask().catch(() => {}); // away: asked again later
  else if (told.waiting !== undefined) show(told);
}

const seen = document.querySelector("[data-news-mark]");
if (seen) keep({ mark: Number(seen.dataset.newsMark), news: 0, waiting: document.querySelector("[data-waiting]").textContent });

window.addEventListener("storage", (event) => { if (event.key === key) show(known()); });
document.addEventListener("visibilitychange", look);
setInterval(look, EVERY_MS / 3);
look();
