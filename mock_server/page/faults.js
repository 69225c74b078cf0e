// The faults panel: one row for each, written together as the mock reads them.

import { t } from "/page/language.js";
import { ask, element } from "/page/mock.js";

const $ = (id) => document.getElementById(id);

export const panel = {
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

export function badge(chaos) {
  const many = chaos ? chaos.split(",").length : 0;
  $("fault-count").textContent = many;
  $("fault-count").hidden = !many;
}
