// Shows the page anew every ten seconds while somebody looks at it and nothing in it is in use.
"use strict";

const SECONDS = 10;

function inUse() {
  const focused = document.activeElement;
  const typing = focused !== null && ["SELECT", "INPUT", "BUTTON"].includes(focused.tagName);
  return document.hidden || typing || String(document.getSelection()) !== "";
}

function keepWhatIsOpen(before, after) {
  for (const details of before.querySelectorAll("details[id]")) {
    const same = after.querySelector(`#${CSS.escape(details.id)}`);
    if (same !== null) same.open = details.open;
  }
}

function keepFocus(before, after) {
  const focused = document.activeElement;
  if (!before.contains(focused) || focused === before) return null;
  const kind = focused.tagName;
  const place = [...before.querySelectorAll(kind)].indexOf(focused);
  return after.querySelectorAll(kind)[place] ?? null;
}

async function refresh() {
  if (inUse()) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || inUse()) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const before = document.getElementById("main");
  const after = page.getElementById("main");
  keepWhatIsOpen(before, after);
  const focused = keepFocus(before, after);
  const scrolled = [...before.querySelectorAll(".scroll, pre")].map((e) => [e.scrollLeft, e.scrollTop]);
  before.replaceWith(after);
  after.querySelectorAll(".scroll, pre").forEach((element, place) => {
    if (place < scrolled.length) [element.scrollLeft, element.scrollTop] = scrolled[place];
  });
  if (focused !== null) focused.focus({ preventScroll: true });
}

// Whatever goes wrong, the page stays as it is and is asked for again.
setInterval(() => refresh().catch(() => {}), SECONDS * 1000);
