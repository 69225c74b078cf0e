// In which language the page speaks, and how it says a length of time.

import { WORDS } from "/page/words.js";

const LANGUAGE = "iteira.language"; // localStorage
let language = localStorage.getItem(LANGUAGE) || (navigator.language.startsWith("ru") ? "ru" : "en");

export function spoken() { return language; }

export function choose(chosen) {
  language = chosen;
  localStorage.setItem(LANGUAGE, chosen);
}

export function t(key, ...values) {
  const word = WORDS[language][key];
  return typeof word === "function" ? word(...values) : word;
}

export function translate(root) {
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-p]")) node.placeholder = t(node.dataset.p);
  for (const node of root.querySelectorAll("[data-l]")) node.setAttribute("aria-label", t(node.dataset.l));
}

export function duration(seconds) {
  const number = (value, digits) => value.toLocaleString(language, { maximumFractionDigits: digits, minimumFractionDigits: digits });
  const [ms, s] = language === "ru" ? ["мс", "с"] : ["ms", "s"];
  return seconds < 1 ? `${number(seconds * 1000, 0)} ${ms}` : `${number(seconds, 1)} ${s}`;
}
