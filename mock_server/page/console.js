// The call console. It talks to the mock alone: the mock's caller posts the webhook to the daemon.

const WORDS = {
  en: {
    title: "call console", skip: "To the calls", sound: "Speak replies", faults: "Faults", phone: "Number", name: "Name",
    nobody: "unknown", call: "Call", emptyTitle: "Nobody is calling yet",
    emptyText: "Press “Call”, then type what a caller would say. Every reply comes from the daemon through TalkMe's API, with the time it took. Several calls can go on side by side.",
    typing: "typing…", placeholder: "What the caller says", send: "Say", replay: "Replay", replayCall: "Replay this call", close: "Put away",
    hangUp: "Hang up", mic: "Speak", closeFaults: "Close", faultsTitle: "What goes wrong on purpose",
    faultsText: "Share of occasions, in percent. Changes hold for everything from now on.", calm: "Nothing goes wrong",
    apply: "Apply", unknownNumber: "number withheld", transcript: "Conversation",
    open: "connected", ended: "ended", operator: "operator has taken over", irrelevant: "not for us", hung_up: "hung up",
    ok: "daemon ready", degraded: "daemon degraded", unavailable: "daemon unavailable", unreachable: "no daemon answers",
    took: (s) => `in ${s}`, first: (s) => `first part in ${s}`, last: (s) => `last part in ${s}`,
    SUCCESS: "The consultant has ended the conversation.",
    OPERATOR_REQUEST: "An operator takes over: the consultant is silent until the caller speaks again.",
    IRRELEVANT_MESSAGE: "The consultant has left: the message was not for this company.",
    refused: (t) => `TalkMe refused: ${t}`, fault: (t) => `fault: ${t}`, unconfirmed: "the daemon was not told that this arrived",
    why: "what took the time", step_accepted: "accepted", step_claimed: "a worker took it", step_knowledge: "knowledge searched",
    step_consultant: "consultant has answered", step_send: "sent to TalkMe", step_sent: "delivered", step_finish: "dialog left",
    step_first_token: "first word of the model", step_answered: "reply stored", step_failed: "failed", step_expired: "too old to be answered",
    step_filler: "asked for patience",
    noDaemon: "Not delivered: no daemon answers.", notDelivered: (n, t) => `Not delivered: ${n}. ${t}`,
    follows: "Accepted; the reply follows.", hungUpNote: "The caller has hung up.",
    outage: (url) => `No daemon answers at ${url}. What is said now is not heard by anybody; start it with “iteira dev” or “iteira serve”.`,
    lost: "The mock does not answer any more. Start it again; this page will go on by itself.",
    gone: "The mock has forgotten this call.", talkme: "TalkMe's side", webhook: "On the way to the daemon", model: "Model provider",
    percent: (n) => `${n}: percent`, time: (n) => `${n}: seconds`, met: (n) => ` · met ${n}×`,
    ideas: ["Сколько стоит маникюр?", "До скольки вы работаете?", "Соедините с администратором", "Спасибо, до свидания"],
  },
  ru: {
    title: "учебный телефон", skip: "К звонкам", sound: "Озвучивать ответы", faults: "Сбои", phone: "Номер", name: "Имя",
    nobody: "неизвестно", call: "Позвонить", emptyTitle: "Пока никто не звонит",
    emptyText: "Нажмите «Позвонить» и напишите, что сказал бы клиент. Каждый ответ приходит от сервера через API TalkMe, рядом — за какое время. Можно вести несколько звонков сразу.",
    typing: "печатает…", placeholder: "Что говорит клиент", send: "Сказать", replay: "Повторить", replayCall: "Повторить этот звонок", close: "Убрать",
    hangUp: "Положить трубку", mic: "Сказать голосом", closeFaults: "Закрыть", faultsTitle: "Что нарочно ломается",
    faultsText: "Доля случаев в процентах. Изменения действуют на всё, что будет дальше.", calm: "Ничего не ломать",
    apply: "Применить", unknownNumber: "номер скрыт", transcript: "Разговор",
    open: "на связи", ended: "завершён", operator: "у оператора", irrelevant: "не к нам", hung_up: "трубка положена",
    ok: "сервер готов", degraded: "сервер работает не полностью", unavailable: "сервер недоступен", unreachable: "сервер не отвечает",
    took: (s) => `через ${s}`, first: (s) => `первая часть через ${s}`, last: (s) => `последняя часть через ${s}`,
    SUCCESS: "Консультант завершил разговор.",
    OPERATOR_REQUEST: "Подключился оператор: консультант молчит, пока клиент не скажет что-нибудь снова.",
    IRRELEVANT_MESSAGE: "Консультант вышел: обращение не относится к компании.",
    refused: (t) => `TalkMe отказал: ${t}`, fault: (t) => `сбой: ${t}`, unconfirmed: "сервер не узнал, что это дошло",
    why: "на что ушло время", step_accepted: "принято", step_claimed: "взято в работу", step_knowledge: "поиск в базе знаний",
    step_consultant: "консультант ответил", step_send: "отправлено в TalkMe", step_sent: "доставлено", step_finish: "диалог закрыт",
    step_first_token: "первое слово модели", step_answered: "ответ сохранён", step_failed: "не удалось", step_expired: "устарело",
    step_filler: "попросили подождать",
    noDaemon: "Не доставлено: сервер не отвечает.", notDelivered: (n, t) => `Не доставлено: ${n}. ${t}`,
    follows: "Принято; ответ придёт.", hungUpNote: "Клиент положил трубку.",
    outage: (url) => `Сервер ${url} не отвечает: сказанного сейчас никто не услышит. Запустите «iteira dev» или «iteira serve».`,
    lost: "Учебный TalkMe не отвечает. Запустите его снова, страница продолжит сама.",
    gone: "Учебный TalkMe уже не помнит этот звонок.", talkme: "На стороне TalkMe", webhook: "По дороге к серверу", model: "Модель",
    percent: (n) => `${n}: процентов`, time: (n) => `${n}: секунд`, met: (n) => ` · было ${n}×`,
    ideas: ["Сколько стоит маникюр?", "До скольки вы работаете?", "Соедините с администратором", "Спасибо, до свидания"],
    // What the mock says of its faults in English.
    http500: "отвечает 500 и ничего не делает", drop: "обрывает связь до или после того, как сделал", slow: "делает не сразу",
    truncate: "делает и обрывает ответ посередине", success_false: "отвечает «success: false» и ничего не делает",
    rate_limit: "отвечает 429 с Retry-After и ничего не делает", stall: "ничего не делает и не отвечает",
    dup: "доставляет сообщение дважды", reorder: "доставляет следующее сообщение раньше этого", delay: "доставляет с опозданием",
    malformed: "сперва доставляет половину сообщения, это не JSON", model_500: "отвечает 500", model_429: "отвечает 429 с Retry-After",
    model_timeout: "не отвечает", model_slow: "дольше думает до первого слова", model_stall: "замолкает посередине ответа",
    model_cut: "обрывает связь посередине ответа", model_json: "пишет посередине ответа не JSON",
    model_invent: "называет цену и номер, которых нигде нет",
  },
};
const HEALTH_EVERY = 4000; // ms
const KEPT = "iteira.calls"; // sessionStorage: the calls of this tab, by id
const LANGUAGE = "iteira.language"; // localStorage

const $ = (id) => document.getElementById(id);
const calls = new Map();
let language = localStorage.getItem(LANGUAGE) || (navigator.language.startsWith("ru") ? "ru" : "en");
const t = (key, ...values) => {
  const word = WORDS[language][key];
  return typeof word === "function" ? word(...values) : word;
};

async function ask(method, path, body) {
  const options = body === undefined ? { method } : { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const answer = await fetch(path, options);
  const content = await answer.json();
  if (!answer.ok) throw new Error(typeof content.detail === "string" ? content.detail : JSON.stringify(content.detail));
  return content;
}

function element(kind, text, name = "div") {
  const made = document.createElement(name);
  made.className = kind;
  made.textContent = text;
  return made;
}

function duration(seconds) {
  const number = (value, digits) => value.toLocaleString(language, { maximumFractionDigits: digits, minimumFractionDigits: digits });
  const [ms, s] = language === "ru" ? ["мс", "с"] : ["ms", "s"];
  return seconds < 1 ? `${number(seconds * 1000, 0)} ${ms}` : `${number(seconds, 1)} ${s}`;
}

// One call: its card, and what was heard of it. Events are shown in the order of `seq`, each once.
class Call {
  constructor(dialog) {
    this.dialog = dialog;
    this.seq = 0;
    this.texts = [];
    this.waiting = []; // what a replay has still to say
    this.turns = new Map(); // by TalkMe's id of what was said
    this.node = $("call").content.firstElementChild.cloneNode(true);
    this.part = (selector) => this.node.querySelector(selector);
    this.part("h2").textContent = dialog.name;
    this.part(".avatar").textContent = [...dialog.name.trim()].find((c) => /\p{L}/u.test(c))?.toUpperCase() ?? "?";
    this.part("h2").id = `call-${dialog.id}`;
    this.node.setAttribute("aria-labelledby", `call-${dialog.id}`);
    this.part(".say").addEventListener("submit", (event) => this.submit(event));
    this.part(".hang").addEventListener("click", () => this.hangUp());
    this.part(".replay").addEventListener("click", () => replay(this));
    this.part(".close").addEventListener("click", () => putAway(this));
    if (Recognition) this.listenBy(this.part(".mic"));
    this.translate();
    this.show(dialog.state);
    $("calls").prepend(this.node);
  }

  translate() {
    translate(this.node);
    this.part(".number").textContent = this.dialog.phone || t("unknownNumber");
    this.part(".talk").setAttribute("aria-label", `${t("transcript")}: ${this.dialog.name}`);
    this.part(".mic").setAttribute("aria-label", t("mic"));
    this.show(this.dialog.state);
    this.suggest();
  }

  suggest() {
    const ideas = this.part(".ideas");
    ideas.replaceChildren();
    if (this.texts.length) return;
    for (const idea of t("ideas")) {
      const button = element("", idea, "button");
      button.type = "button";
      button.lang = "ru";
      button.addEventListener("click", () => {
        this.say(idea);
        this.part("input").focus();
      });
      ideas.append(button);
    }
  }

  submit(event) {
    event.preventDefault();
    const input = this.part("input");
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    this.say(text);
  }

  async say(text) {
    try {
      await ask("POST", `/calls/${this.dialog.id}/speak`, { text });
    } catch (error) {
      this.note("bad", error instanceof TypeError ? t("lost") : t("gone"));
    }
  }

  async hangUp() {
    this.waiting = [];
    try {
      await ask("POST", `/calls/${this.dialog.id}/hang-up`);
    } catch {
      this.note("bad", t("gone"));
    }
  }

  take(event) {
    if (event.seq <= this.seq) return;
    this.seq = event.seq;
    this.dialog.state = event.state ?? this.dialog.state;
    this[event.kind]?.(event);
    this.show(this.dialog.state);
  }

  said(event) {
    this.texts.push(event.text);
    this.dialog.state = event.state ?? "open";
    this.spokenAt = event.at;
    this.parts = [];
    this.turns.set(event.message_id, { number: this.texts.length - 1, parts: this.parts });
    this.begun ??= event.at;
    this.add(element("said", event.text));
    this.suggest();
  }

  typing(event) {
    this.part(".typing").hidden = false;
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => { this.part(".typing").hidden = true; }, event.ttl * 1000);
  }

  reply(event) {
    this.silence();
    const bubble = element("reply", event.text);
    bubble.lang = "ru";
    this.add(bubble);
    if (this.spokenAt !== undefined) this.time(event);
    if (!event.confirmed) this.note("warn", t("unconfirmed"));
    speak(event.text);
  }

  time(event) {
    const seconds = event.at - this.spokenAt;
    const took = element("took", "");
    took.append(element("", t("took", duration(seconds)), "span"));
    took.dataset.seconds = seconds;
    this.parts.push(took);
    if (this.parts.length > 1) {
      const say = (part, which) => { part.firstChild.textContent = t(which, duration(Number(part.dataset.seconds))); };
      say(this.parts[0], "first");
      for (const middle of this.parts.slice(1, -1)) say(middle, "took");
      say(took, "last");
    }
    this.add(took);
  }

  finish(event) {
    this.silence();
    this.note(event.code === "OPERATOR_REQUEST" ? "warn" : "", t(event.code));
  }

  refused(event) { this.note("warn", t("refused", event.text)); }

  fault(event) { this.note("warn", t("fault", event.text)); }

  hang_up() {
    this.silence();
    this.note("", t("hungUpNote"));
  }

  webhook(event) {
    if (event.status === null) this.note("bad", t("noDaemon"));
    else if (event.status >= 300) this.note("bad", t("notDelivered", event.status, event.text));
    else if (event.text === "Сообщение принято") this.note("", t("follows"));
    if (event.status === null || event.status >= 300) this.silence();
    if (event.status === null) look();
    if (event.status === 200) this.explain(this.turns.get(event.message_id));
    this.next();
  }

  // What the turn spent its time on, where the daemon tells it.
  async explain(turn) {
    const last = turn?.parts.at(-1);
    if (!last || last.querySelector("details")) return;
    const { turns } = await ask("GET", `/calls/${this.dialog.id}/turns`);
    const told = turns[turn.number];
    if (!told?.timeline.length || told.text !== this.texts[turn.number]) return;
    const details = element("", "", "details");
    details.append(element("", t("why"), "summary"));
    const list = element("", "", "ol");
    const begin = Date.parse(told.timeline[0].at);
    for (const { at, event, details: more } of told.timeline) {
      const line = element("", "", "li");
      line.append(element("", `+${duration((Date.parse(at) - begin) / 1000)}`, "b"), ` ${t(`step_${event.replace(" ", "_")}`) ?? event}`);
      if (more.by && event !== "claimed") line.append(` (${more.by})`);
      if (typeof more.seconds === "number") line.append(`: ${duration(more.seconds)}`);
      list.append(line);
    }
    details.append(list);
    details.addEventListener("toggle", () => details.scrollIntoView({ block: "nearest" }));
    last.append(details);
    this.part(".talk").scrollTop = this.part(".talk").scrollHeight;
  }

  // A replay says its next text when the one before has been dealt with.
  next() {
    if (this.waiting.length && this.dialog.state !== "hung_up") this.say(this.waiting.shift());
  }

  silence() {
    clearTimeout(this.quiet);
    this.part(".typing").hidden = true;
  }

  note(kind, text) { this.add(element(`note ${kind}`, text)); }

  add(node) {
    const talk = this.part(".talk");
    talk.append(node);
    talk.scrollTop = talk.scrollHeight;
  }

  show(state) {
    const shown = this.part(".state");
    if (shown.textContent !== t(state)) shown.textContent = t(state);
    shown.className = `state ${state}`;
    this.part(".hang").disabled = state === "hung_up";
    this.part(".replay").disabled = !this.texts.length;
  }

  tick() {
    if (this.begun === undefined || this.dialog.state !== "open") return;
    const seconds = Math.max(0, Math.round(Date.now() / 1000 - this.begun));
    this.part(".clock").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }

  listenBy(mic) {
    mic.hidden = false;
    mic.addEventListener("click", () => {
      if (this.recognition) return this.recognition.stop();
      const recognition = this.recognition = new Recognition();
      recognition.lang = "ru-RU";
      recognition.onresult = (event) => this.say(event.results[0][0].transcript);
      recognition.onend = () => { this.recognition = undefined; mic.classList.remove("on"); };
      mic.classList.add("on");
      recognition.start();
    });
  }
}

const Recognition = window.SpeechRecognition ?? window.webkitSpeechRecognition;
const sound = { on: false };

function speak(text) {
  if (!sound.on) return;
  const utterance = new SpeechSynthesisUtterance(text);
  utterance.lang = "ru-RU";
  speechSynthesis.speak(utterance);
}

function remember() {
  sessionStorage.setItem(KEPT, JSON.stringify([...calls.keys()]));
  $("empty").hidden = calls.size > 0;
}

function add(dialog) {
  const call = new Call(dialog);
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

// Faults: one row each, written together as the mock reads them.
const panel = {
  rows: [],

  async open() {
    this.draw(await ask("GET", "/faults"));
    $("fault-error").hidden = true;
    $("faults").showModal();
  },

  draw(state) {
    const shares = new Map(state.chaos.split(",").filter(Boolean).map((one) => one.split("=")));
    this.rows = [];
    $("fault-list").replaceChildren();
    let side;
    for (const fault of state.known) {
      if (fault.side !== side) $("fault-list").append(element("", t((side = fault.side)), "h3"));
      $("fault-list").append(this.row(fault, shares.get(fault.name) ?? "", state.met[fault.name]));
    }
    this.write();
    badge(state.chaos);
  },

  row(fault, value, met) {
    const [time, share] = value.includes("@") ? value.split("@") : ["", value];
    const row = element("fault", "");
    const what = element("what", "");
    what.append(element("", fault.name, "b"), " ", element("", (t(fault.name) ?? fault.what) + (met ? t("met", met) : ""), "span"));
    const seconds = fault.seconds === null ? element("", "", "span") : this.field(t("time", fault.name), "s", parseFloat(time) || fault.seconds);
    const percent = this.field(t("percent", fault.name), "%", parseFloat(share) || "");
    row.append(what, seconds, percent);
    this.rows.push({ name: fault.name, seconds: seconds.querySelector("input"), percent: percent.querySelector("input") });
    return row;
  },

  field(label, unit, value) {
    const field = element("", "", "label");
    const input = document.createElement("input");
    Object.assign(input, { type: "number", min: 0, step: "any", value, inputMode: "decimal" });
    input.setAttribute("aria-label", label);
    input.addEventListener("input", () => this.write());
    field.append(input, element("", unit, "em"));
    return field;
  },

  chaos() {
    const told = this.rows.filter(({ percent }) => Number(percent.value) > 0);
    return told.map(({ name, seconds, percent }) => `${name}=${seconds ? `${seconds.value || 0}s@` : ""}${percent.value}%`).join(",");
  },

  write() { $("chaos").textContent = this.chaos(); },

  async apply(event) {
    event.preventDefault();
    try {
      badge((await ask("PUT", "/faults", { chaos: this.chaos() })).chaos);
      $("faults").close();
    } catch (error) {
      $("fault-error").textContent = error.message;
      $("fault-error").hidden = false;
    }
  },

  calm() {
    for (const { percent } of this.rows) percent.value = "";
    this.write();
  },
};

function badge(chaos) {
  const many = chaos ? chaos.split(",").length : 0;
  $("fault-count").textContent = many;
  $("fault-count").hidden = !many;
}

function translate(root) {
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-p]")) node.placeholder = t(node.dataset.p);
  for (const node of root.querySelectorAll("[data-l]")) node.setAttribute("aria-label", t(node.dataset.l));
}

function speakIn(chosen) {
  language = chosen;
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
  localStorage.setItem(LANGUAGE, language === "ru" ? "en" : "ru");
  speakIn(localStorage.getItem(LANGUAGE));
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
speakIn(language);
follow();
look();
ask("GET", "/faults").then((state) => badge(state.chaos));
setInterval(look, HEALTH_EVERY);
setInterval(() => { for (const call of calls.values()) call.tick(); }, 1000);
