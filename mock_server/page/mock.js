// The one way in which the page asks the mock, and how it makes an element.

export async function ask(method, path, body) {
  const options = body === undefined ? { method } : { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const answer = await fetch(path, options);
  const content = await answer.json();
  if (!answer.ok) throw new Error(typeof content.detail === "string" ? content.detail : JSON.stringify(content.detail));
  return content;
}

export function element(kind, text, name = "div") {
  const made = document.createElement(name);
  made.className = kind;
  made.textContent = text;
  return made;
}
