// The call console. It talks to the mock alone: the mock's caller posts the webhook to the daemon.

import { Call } from "/page/call.js";
import { badge, panel } from "/page/faults.js";
import { choose, spoken, t, translate } from "/page/language.js";
import { ask } from "/page/mock.js";
import { sound } from "/page/voice.js";

const HEALTH_EVERY = 4000; // ms
const KEPT = "iteira.calls"; // sessionStorage: the calls of this tab, by id

const $ = (id) => document.getElementById(id);
const calls = new Map();

function remember() {
  sessionStorage.setItem(KEPT, JSON.stringify([...calls.keys()]));
  $("empty").hidden = calls.size > 0;
}

function add(dialog) {
  const call = new Call(dialog, { replay, putAway, look });
  calls.set(dialog.id, call);
  remember();
  return call;
}

async function dial(phone, name) {
  const call = add(await ask("POST", "/calls", { phone: phone || null, name: name || null }));
  call.part("input").focus();
  return call;
}

async function replay(call) {
  const { phone, name } = call.dialog;
  const again = await dial(phone, /посетитель/.test(name) ? "" : name);
  again.waiting = [...call.texts];
  again.next();
}

function putAway(call) {
  if (call.dialog.state === "open") call.hangUp();
  call.node.remove();
  calls.delete(call.dialog.id);
  remember();
  $("dial").querySelector(".call").focus();
}

// What is missed while the stream is away is read from the call itself.
async function catchUp() {
  for (const id of calls.size ? [...calls.keys()] : JSON.parse(sessionStorage.getItem(KEPT) ?? "[]")) {
    const answer = await fetch(`/calls/${id}`);
    if (!answer.ok) {
      calls.get(id)?.note("bad", t("gone"));
      continue;
    }
    const { events, ...dialog } = await answer.json();
    const call = calls.get(id) ?? add(dialog);
    for (const event of events) call.take(event);
    call.dialog.state = dialog.state;
    call.show(dialog.state);
  }
  remember();
}

function follow() {
  const stream = new EventSource("/stream");
  stream.onopen = () => {
    outage("");
    catchUp();
  };
  stream.onmessage = (message) => {
    const event = JSON.parse(message.data);
    calls.get(event.call)?.take(event);
  };
  stream.onerror = () => {
    outage(t("lost"));
    if (stream.readyState === EventSource.CLOSED) setTimeout(follow, 1000);
  };
}

function outage(text) {
  const banner = $("outage");
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = !text;
}

async function look() {
  let seen;
  try {
    seen = await ask("GET", "/console");
  } catch {
    return; // the stream says it
  }
  $("daemon").className = `pill ${seen.health}`;
  const said = `${t(seen.health)} · ${seen.daemon.replace(/^https?:\/\//, "")}`;
  if ($("health").textContent !== said) $("health").textContent = said;
  outage(seen.health === "unreachable" ? t("outage", seen.daemon) : "");
}

function speakIn(chosen) {
  choose(chosen);
  document.documentElement.lang = chosen;
  document.title = `Iteira: ${t("title")}`;
  translate(document);
  for (const call of calls.values()) call.translate();
  const other = chosen === "ru" ? "en" : "ru";
  $("language").textContent = other.toUpperCase();
  $("language").lang = other;
  $("language").setAttribute("aria-label", other === "ru" ? "Русский" : "English");
}

$("dial").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [phone, name] = [$("phone").value.trim(), $("name").value.trim()];
  $("dial").reset(); // before the next caller can be typed
  try {
    await dial(phone, name);
  } catch (error) {
    outage(error instanceof TypeError ? t("lost") : error.message);
  }
});
$("language").addEventListener("click", () => {
  speakIn(spoken() === "ru" ? "en" : "ru");
  look();
});
$("sound").addEventListener("click", () => {
  sound.on = !sound.on;
  $("sound").setAttribute("aria-pressed", String(sound.on));
  if (!sound.on) speechSynthesis.cancel();
});
$("open-faults").addEventListener("click", () => panel.open());
$("close-faults").addEventListener("click", () => $("faults").close());
$("calm").addEventListener("click", () => panel.calm());
$("faults-form").addEventListener("submit", (event) => panel.apply(event));

$("sound").hidden = !("speechSynthesis" in window);
speakIn(spoken());
follow();
look();
ask("GET", "/faults").then((state) => badge(state.chaos));
setInterval(look, HEALTH_EVERY);
setInterval(() => { for (const call of calls.values()) call.tick(); }, 1000);
