// Follows the account: when the server says that something happened, the page is fetched again and
// its live sections are replaced, without losing what somebody types, has focused or has opened.
"use strict";

const FIELDS = "input:not([type=hidden]):not([type=file]), textarea, select";
const PAUSE = 80;

let fetching = false;
let wanted = false;

// What somebody has done in a section that the server knows nothing of.
function remember(section) {
  const fields = [];
  for (const field of section.querySelectorAll(FIELDS)) {
    if (field.id && isChanged(field)) {
      fields.push({ id: field.id, value: field.value, checked: field.checked });
    }
  }
  const open = [...section.querySelectorAll("details[open]")].map((details) => details.id);
  const focused = section.contains(document.activeElement) ? document.activeElement : null;
  const selection = focused && "selectionStart" in focused && focused.type !== "number"
    ? [focused.selectionStart, focused.selectionEnd]
    : null;
  return { fields, open, focus: focused && focused.id, selection };
}

function isChanged(field) {
  if (field.type === "radio" || field.type === "checkbox") {
    return field.checked !== field.defaultChecked;
  }
  if (field.tagName === "SELECT") {
    return ![...field.options].every((option, index) => {
      const initial = option.defaultSelected || (index === 0 && !field.querySelector("[selected]"));
      return option.selected === initial;
    });
  }
  return field.value !== field.defaultValue;
}

function restore(memory) {
  for (const { id, value, checked } of memory.fields) {
    const field = document.getElementById(id);
    if (!field) continue;
    if (field.type === "radio" || field.type === "checkbox") field.checked = checked;
    else field.value = value;
  }
  for (const id of memory.open) {
    const details = id && document.getElementById(id);
    if (details) details.open = true;
  }

  const focused = memory.focus && document.getElementById(memory.focus);
  if (!focused) return;
  focused.focus({ preventScroll: true });
  if (memory.selection && focused.setSelectionRange) focused.setSelectionRange(...memory.selection);
}

// Replaces each live section that is different now.
function replace(text) {
  const next = new DOMParser().parseFromString(text, "text/html");
  for (const section of document.querySelectorAll("[data-live]")) {
    const fresh = next.getElementById(section.id);
    if (!fresh || section.dataset.shown === fresh.innerHTML) continue;
    if (!section.dataset.shown && section.innerHTML === fresh.innerHTML) continue;

    const memory = remember(section);
    section.dataset.shown = fresh.innerHTML;
    section.replaceChildren(...fresh.childNodes);
    restore(memory);
  }
}

// One page at a time. What happens meanwhile is seen by one more.
async function refresh() {
  if (fetching) {
    wanted = true;
    return;
  }
  fetching = true;
  try {
    do {
      wanted = false;
      const response = await fetch(location.href, { headers: { accept: "text/html" } });
      if (response.ok) replace(await response.text());
      await new Promise((done) => setTimeout(done, PAUSE));
    } while (wanted);
  } catch {
    // The server is gone for now. The stream says when it is back.
  } finally {
    fetching = false;
  }
}

// Sends a form without leaving the page.
async function send(form, button) {
  const data = new FormData(form, button);
  const action = (button && button.getAttribute("formaction")) || form.getAttribute("action");
  const isFile = form.enctype === "multipart/form-data";
  const body = isFile ? data : new URLSearchParams(data);

  // A button that is disabled would lose the focus.
  if (form.dataset.sending) return;
  form.dataset.sending = "yes";
  if (button) button.setAttribute("aria-busy", "true");
  const before = document.querySelector(".card");
  say("Working …");
  try {
    // The redirect leads to this page, which is fetched anyway.
    const answer = await fetch(action, { method: "POST", body, redirect: "manual" });
    if (answer.type !== "opaqueredirect") say(await answer.text(), true);
    else settle(action);
  } catch {
    say("The server cannot be reached.", true);
  }
  delete form.dataset.sending;
  if (button) button.removeAttribute("aria-busy");
  await settled();
  reveal(before && before.id);
}

// What was sent is not worth keeping, and nobody enforces because somebody did before. The form may
// have been replaced meanwhile, so that it is looked up.
function settle(action) {
  const all = (selector) => document.querySelectorAll(selector);

  if (action === "/console/world") {
    for (const field of all("#world-file, #world-text")) field.value = "";
  }
  if (action === "/console/event") {
    for (const field of all("#event [name=mode]")) field.checked = field.defaultChecked;
  }
}

async function settled() {
  await refresh();
  while (fetching) await new Promise((done) => setTimeout(done, PAUSE));
}

// Shows the newest decision where it is not in sight, as on a telephone.
function reveal(before) {
  const newest = document.querySelector(".card");
  if (!newest || newest.id === before) return;
  newest.classList.add("new");
  newest.scrollIntoView({ block: "nearest" });
}

// Says something that the server knows nothing of.
function say(text, isError) {
  const notice = document.getElementById("notice");
  const line = document.createElement("p");
  line.className = isError ? "notice bad" : "notice";
  line.textContent = text;
  // It stays until the server has something new to say.
  notice.dataset.shown ??= notice.innerHTML;
  notice.replaceChildren(line);
}

function follow() {
  const state = document.getElementById("live");
  const show = (text, isLive) => {
    state.hidden = false;
    state.textContent = text;
    state.classList.toggle("on", isLive);
  };

  const stream = new EventSource("/console/changes");
  stream.addEventListener("open", () => {
    show("live", true);
    refresh();
  });
  stream.addEventListener("change", refresh);
  stream.addEventListener("error", () => show("reconnecting", false));
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const method = (event.submitter && event.submitter.formMethod) || form.method;
  if (method !== "post") return;
  event.preventDefault();
  send(form, event.submitter);
});

follow();
