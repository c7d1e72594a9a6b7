/* A part of the page that is renewed as things happen: the server says that there is something new, the page
   asks for it as ever. Only while it is looked at, so that pages in the background hold nothing open. Without
   this a reader loads the page again. */

let source = null;
let newest = "";
const place = () => document.querySelector("[data-live]");
const seen = (part) => new URL(part.dataset.live, location.href).searchParams.get("seen");

function stop() {
  source?.close();
  source = null;
}

/* What was put off because somebody was typing comes when they are done. */
function renew() {
  const part = place();
  if (part && newest && seen(part) !== newest) window.htmx.trigger(part, "changed");
}

function listen() {
  const part = place();
  if (!part || document.hidden) return stop();
  if (source && source.readyState !== EventSource.CLOSED) return;
  source = new EventSource(part.dataset.live);
  source.addEventListener("changed", ({ data }) => { newest = data; renew(); });
  source.addEventListener("over", stop);
}

document.addEventListener("visibilitychange", listen);
document.addEventListener("htmx:afterSettle", listen);
document.addEventListener("close", renew, true);
listen();
