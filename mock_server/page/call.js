// One call: its card, and what was heard of it.

import { duration, t, translate } from "/page/language.js";
import { ask, element } from "/page/mock.js";
import { Recognition, speak } from "/page/voice.js";

// Events are shown in the order of `seq`, each once.
export class Call {
  constructor(dialog, page) {
    this.page = page; // what the page does with a call: `replay`, `putAway`, `look`
    this.dialog = dialog;
    this.seq = 0;
    this.texts = [];
    this.waiting = []; // what a replay has still to say
    this.turns = new Map(); // by TalkMe's id of what was said
    this.node = document.getElementById("call").content.firstElementChild.cloneNode(true);
    this.part = (selector) => this.node.querySelector(selector);
    this.part("h2").textContent = dialog.name;
    this.part(".avatar").textContent = [...dialog.name.trim()].find((c) => /\p{L}/u.test(c))?.toUpperCase() ?? "?";
    this.part("h2").id = `call-${dialog.id}`;
    this.node.setAttribute("aria-labelledby", `call-${dialog.id}`);
    this.part(".say").addEventListener("submit", (event) => this.submit(event));
    this.part(".hang").addEventListener("click", () => this.hangUp());
    this.part(".replay").addEventListener("click", () => page.replay(this));
    this.part(".close").addEventListener("click", () => page.putAway(this));
    if (Recognition) this.listenBy(this.part(".mic"));
    this.translate();
    this.show(dialog.state);
    document.getElementById("calls").prepend(this.node);
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
    if (event.status === null) this.page.look();
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
