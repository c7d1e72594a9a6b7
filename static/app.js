/* What the pages gain where JavaScript runs. Nothing here is needed to use them. */

const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/* --- theme: the server renders the stored choice, so a page never flashes in the wrong one --- */
function wearTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `assay_theme=${theme}; path=/; max-age=31536000; samesite=lax${secure}`;
  for (const button of all("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
}

/* --- times: absolute from the server, relative here, absolute on hover --- */
const STEPS = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [2592000, "day", 86400]];
const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

function relative(then, now) {
  const seconds = (then - now) / 1000;
  if (Math.abs(seconds) < 10) return "just now";
  const step = STEPS.find(([limit]) => Math.abs(seconds) < limit);
  return step ? words.format(Math.round(seconds / step[2]), step[1]) : null;
}

function tellTimes(root = document) {
  for (const time of all("time[data-relative]", root)) {
    const text = relative(Date.parse(time.dateTime), Date.now());
    if (!time.title) time.title = time.textContent.trim().replace(/\s+/g, " ");
    if (text) time.textContent = text;
  }
}

/* --- messages that come and go; also read out --- */
function toast(text) {
  const box = document.getElementById("toasts");
  const note = Object.assign(document.createElement("div"), { className: "toast", textContent: text });
  box.append(note);
  setTimeout(() => note.remove(), 6000);
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    toast("Copied.");
  } catch {
    toast("The browser did not let this page copy; select the text instead.");
  }
}

/* --- dialogs: a link to #id opens them without us, modal and with focus kept inside with us --- */
function openDialog(event, opener) {
  const dialog = document.getElementById(opener.dataset.dialog);
  if (!dialog) return;
  event.preventDefault();
  dialog.showModal();
  dialog.addEventListener("close", () => opener.focus(), { once: true });
}

/* --- search from anywhere: Ctrl-K, then arrows and Enter; Escape gives the focus back --- */
function openPalette(event) {
  const palette = document.getElementById("palette");
  if (!palette || document.querySelector("dialog[open]")) return;
  const before = document.activeElement;
  event.preventDefault();
  palette.showModal();
  document.getElementById("palette-words").select();
  palette.addEventListener("close", () => before?.focus(), { once: true });
}

function walkPalette(event, target) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const stops = [document.getElementById("palette-words"), ...all("#palette-found a")];
  const next = stops[stops.indexOf(target) + step];
  if (!stops.includes(target) || !next) return;
  event.preventDefault();
  next.focus();
}

/* --- a session that ends, or a page open for too long: what is written stays where it is --- */
function wearToken(token) {
  for (const input of all("input[name=csrfmiddlewaretoken]")) input.value = token;
  document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
}

function askWho(polled) {
  const dialog = document.getElementById("log-in-again");
  if (!dialog) location.reload();
  else if (polled) document.getElementById("logged-out").hidden = false;
  else if (!dialog.open) dialog.showModal();
}

document.addEventListener("assay:unknown", () => askWho(true));
document.addEventListener("assay:known", ({ detail }) => {
  if (detail.person !== document.body.dataset.person) return location.reload();
  wearToken(detail.token);
  document.getElementById("log-in-again").close();
  document.getElementById("again-password").value = "";
  document.getElementById("logged-out").hidden = true;
  toast("You are logged in again. What you wrote is still here: send it when you are ready.");
});

document.addEventListener("assay:renewed", ({ detail }) => {
  wearToken(detail.token);
  toast("The page was open too long, so nothing was sent. What you wrote is still here: send it again.");
});

function matchTyped(input) {
  const button = input.form.querySelector("[data-needs-typed]");
  const { typed, typedToo } = input.dataset;
  if (button) button.disabled = ![typed, typedToo].includes(input.value.trim());
}

/* --- charts: the arrow keys and the pointer walk over their points, beside each other together --- */
let walked = null;
const hits = (plot) => all(".hit", plot);

/* Those that have as many points: what is drawn of other moments stays as it is. */
function alike(plot) {
  return all("[data-plot]", plot.closest("[data-plots]")).filter((each) => hits(each).length === hits(plot).length);
}

function showPoint(plot, place) {
  for (const each of alike(plot)) {
    const parts = hits(each);
    all(".hit--shown", each).forEach((hit) => hit.classList.remove("hit--shown"));
    const hit = parts[Math.min(place, parts.length - 1)];
    hit.classList.add("hit--shown");
    const told = each.closest(".plot").querySelector("[data-told]");
    told.textContent = hit.querySelector("title").textContent;
    told.dataset.shows = "";
    each.setAttribute("aria-valuenow", String(place));
    each.setAttribute("aria-valuetext", told.textContent);
  }
}

function hidePoints(plot) {
  for (const each of alike(plot)) {
    all(".hit--shown", each).forEach((hit) => hit.classList.remove("hit--shown"));
    const told = each.closest(".plot").querySelector("[data-told]");
    told.textContent = told.dataset.usual;
    delete told.dataset.shows;
  }
}

function walkPlot(event, plot) {
  const last = hits(plot).length - 1;
  const now = Number(plot.getAttribute("aria-valuenow"));
  const steps = { ArrowLeft: now - 1, ArrowRight: now + 1, ArrowDown: now - 1, ArrowUp: now + 1,
    PageDown: now - 10, PageUp: now + 10, Home: 0, End: last };
  if (!(event.key in steps)) return;
  event.preventDefault();
  showPoint(plot, Math.min(Math.max(steps[event.key], 0), last));
}

/* A drawing becomes something to walk along only where walking works. */
function preparePlots(root) {
  for (const plot of all("[data-plot]", root)) {
    const last = hits(plot).length - 1;
    if (last < 0 || plot.getAttribute("role") === "slider") continue;
    const facts = { role: "slider", tabindex: "0", "aria-label": plot.dataset.plot, "aria-valuemin": "0",
      "aria-valuemax": String(last), "aria-valuenow": String(last), "aria-valuetext": plot.getAttribute("aria-label") };
    for (const [name, value] of Object.entries(facts)) plot.setAttribute(name, value);
  }
}

document.addEventListener("focusin", ({ target }) => {
  if (target.matches("[data-plot]")) showPoint(target, Number(target.getAttribute("aria-valuenow")));
});
document.addEventListener("focusout", ({ target }) => { if (target.matches("[data-plot]")) hidePoints(target); });
document.addEventListener("pointermove", ({ target }) => {
  const hit = target instanceof Element ? target.closest(".hit") : null;
  const plot = hit?.closest("[data-plot]");
  if (walked && walked !== plot && walked !== document.activeElement && walked.isConnected) hidePoints(walked);
  if (plot) showPoint(plot, hits(plot).indexOf(hit));
  walked = plot ?? null;
}, { passive: true });

function prepare(root = document) {
  tellTimes(root);
  preparePlots(root);
  for (const button of all("[data-copy]", root)) button.hidden = false;
  for (const input of all("[data-typed]", root)) matchTyped(input);
  for (const opener of all("[data-palette-opener]", root)) opener.hidden = false;
  for (const link of all("a[data-dialog]", root)) link.setAttribute("role", "button");
}

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  if (!target) return;
  const theme = target.closest("[data-theme-choice]");
  if (theme) { event.preventDefault(); wearTheme(theme.value); }
  const copier = target.closest("[data-copy]");
  if (copier) copy(copier);
  const opener = target.closest("[data-dialog]");
  if (opener) openDialog(event, opener);
  const closer = target.closest("[data-close]");
  if (closer?.closest("dialog[open]")) { event.preventDefault(); closer.closest("dialog").close(); }
  for (const menu of all("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  const target = event.target instanceof Element ? event.target : document.body;
  if (event.key === " " && target.matches("a[data-dialog]")) { event.preventDefault(); target.click(); }
  if (event.key === "Escape") {
    for (const menu of all("details.menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
  }
  const typing = target.closest("input, textarea, select, [contenteditable]");
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) openPalette(event);
  if (target.closest("#palette")) walkPalette(event, target);
  if (target.matches("[data-plot]")) walkPlot(event, target);
  if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`)?.click();
  }
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    const search = document.querySelector("[data-search]");
    if (search) { event.preventDefault(); search.focus(); }
  }
});

document.addEventListener("input", (event) => {
  if (event.target instanceof HTMLInputElement && event.target.dataset.typed) matchTyped(event.target);
});

/* --- htmx: keep what the reader opened, never swallow what somebody is typing --- */
let opened = [];
let walkedOn = null;
let told = "";
let focused = null;
const STOPS = "a, button, summary, input, select, textarea";
const isPolled = (config) => !config?.triggeringEvent || config.triggeringEvent.type === "changed";
const outcome = () => document.querySelector("[data-outcome]")?.textContent.trim() ?? "";

/* What was pressed is gone with the swap: the focus goes to what the panel says now, which is read out. */
function tellOutcome() {
  const said = document.querySelector("[data-outcome]");
  if (!said) return;
  said.tabIndex = -1;
  said.focus();
  toast(`Done. ${said.textContent.trim()}`);
}

/* A form that loaded a page: the focus goes to what came of it, or to the first field that was wrong. Where the
   address names a part of the page, the reader stays there, and it is read out all the same. */
function tellLoaded() {
  const said = document.querySelector("main [data-focus]");
  const part = said && location.hash && document.getElementById(location.hash.slice(1));
  const wrong = document.querySelector("main [aria-invalid=true]");
  if (part && part.matches("section")) {
    part.tabIndex = -1;
    part.focus({ preventScroll: true });
    toast(said.textContent.trim());
  } else (said ?? wrong)?.focus();
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig } = event.detail;
  const polled = isPolled(requestConfig);
  const busy = target.querySelector("dialog[open]") ||
    all("textarea, input:not([type=hidden])", target).some((field) => field.value !== field.defaultValue);
  if (polled && busy) {
    event.detail.shouldSwap = false;
    return;
  }
  told = target.dataset.live ? outcome() : "";
  opened = all("details[open][id]", target).map((fold) => fold.id);
  const plot = target.contains(document.activeElement) && document.activeElement.closest("[data-plot]");
  const place = target.contains(document.activeElement) && document.activeElement.closest("[id]");
  focused = polled && place ? { id: place.id, at: all(STOPS, place).indexOf(document.activeElement) } : null;
  walkedOn = plot ? { id: plot.id, place: plot.getAttribute("aria-valuenow") } : null;
});

document.addEventListener("htmx:afterSettle", (event) => {
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  opened = [];
  prepare(document);
  const plot = walkedOn && document.getElementById(walkedOn.id);
  plot?.setAttribute("aria-valuenow", walkedOn.place);
  plot?.focus({ preventScroll: true });
  walkedOn = null;
  const stop = focused && document.activeElement === document.body && document.getElementById(focused.id);
  if (stop) (focused.at < 0 ? stop : all(STOPS, stop)[focused.at])?.focus({ preventScroll: true });
  focused = null;
  const news = event.target.querySelector?.("[data-focus]");
  if (news) news.focus();
  else if (event.detail.requestConfig?.verb === "post") tellOutcome();
  else if (told && outcome() !== told) toast(outcome());
  told = "";
});

document.addEventListener("htmx:sendError", () => toast("The server cannot be reached. What you see may be old."));
document.addEventListener("htmx:afterRequest", ({ detail: { xhr, requestConfig } }) => {
  if (xhr.status === 401) askWho(isPolled(requestConfig));
  if (xhr.status === 403 && !xhr.getResponseHeader("HX-Trigger")) toast("You may not do this here.");
});
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  if (![409, 422].includes(xhr.status)) toast(`The server answered ${xhr.status}. Reload the page.`);
});

prepare();
setInterval(tellTimes, 30000);

/* --- an address with a fragment opens what it points to --- */
function follow() {
  const found = location.hash && document.getElementById(location.hash.slice(1));
  if (found instanceof HTMLDetailsElement) found.open = true;
  if (found instanceof HTMLDialogElement && !found.open) found.showModal();
}
follow();
tellLoaded();
window.addEventListener("hashchange", follow);
